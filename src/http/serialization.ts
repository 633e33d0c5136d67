import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';

type Build = ReturnType<typeof SerializerSelector>;

/**
 * Compiles the serializers of the routes on first use, one for each schema. Nearly all responses
 * refer to a few schemas, but Fastify requests a serializer for each response of each route.
 * Compiling all of them took half of the start time, and memory for schemas that a replica may
 * never use.
 */
export const serializerBuilder = (): Build => (externalSchemas, options) => {
  const compile = SerializerSelector()(externalSchemas, options);
  const compiled = new Map<string, ReturnType<typeof compile>>();
  return (route) => {
    const schema = JSON.stringify(route.schema);
    const serializer = () => {
      const serialize = compiled.get(schema) ?? compile(route);
      compiled.set(schema, serialize);
      return serialize;
    };
    let serialize: ReturnType<typeof compile> | undefined;
    return (data) => {
      serialize ??= serializer();
      return serialize(data);
    };
  };
};
