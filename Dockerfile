# Usher in a container: docker build -t usher .
# It writes nothing outside DATA_DIR, so it runs with a read-only root; with DATABASE_URL and SIGNING_KEYS it writes nothing at all.
# What is in it stands in /app/sbom.cdx.json (CycloneDX).

# The base is pinned to a version. To pin it to the very bytes, give its digest: --build-arg BASE=node:24.21.0-bookworm-slim@sha256:…
ARG BASE=node:24.21.0-bookworm-slim

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build && npm run --silent sbom > sbom.cdx.json && npm prune --omit=dev

FROM ${BASE}
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
# Made here, so that a volume mounted there belongs to the user who writes to it.
RUN install -d -o node -g node -m 700 /data
COPY --from=build /app/package.json /app/sbom.cdx.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY migrations ./migrations
# The user node, by number: what runs it can see that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 3000 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The list form, so that the process itself gets SIGTERM: it finishes its requests and the mail in hand, within 25 seconds.
CMD ["node", "dist/main.js"]
