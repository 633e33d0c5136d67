import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { shortHash } from '../text/hashes.ts';

interface File {
  bytes: Buffer;
  mediaType: string;
  /** A strong validator (RFC 9110, section 8.8.3). */
  etag: string;
}

type Format = 'json' | 'yaml';

/**
 * Answers requests for the OpenAPI document. Serialising it is slow, so the first request for each
 * format does it once.
 */
export function openApiFiles(app: FastifyInstance) {
  const files: Partial<Record<Format, File>> = {};

  function serialise(format: Format): File {
    const text = format === 'yaml' ? app.swagger({ yaml: true }) : JSON.stringify(app.swagger());
    const bytes = Buffer.from(text);
    const etag = `"${shortHash(bytes)}"`;
    const mediaType = format === 'yaml' ? 'application/yaml' : 'application/json; charset=utf-8';
    return { bytes, mediaType, etag };
  }

  return (format: Format, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const file = files[format] ?? serialise(format);
    files[format] = file;
    // Clients may cache the document, but must revalidate it with `If-None-Match`.
    reply.headers({ etag: file.etag, 'cache-control': 'no-cache' });
    if (matchesEtag(request.headers['if-none-match'], file.etag)) return reply.code(304).send();
    return reply.type(file.mediaType).send(file.bytes);
  };
}

const matchesEtag = (header: string | undefined, etag: string) =>
  (header ?? '').split(',').some((it) => [etag, `W/${etag}`, '*'].includes(it.trim()));
