import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';

type Build = ReturnType<typeof SerializerSelector>;

/**
 * Compiles the serializers of the routes, one for each shape, when it is first used. Nearly every response is a reference to one
 * of a few schemas, and Fastify asks for each response of each route anew: to compile them all took half of
 * the service's start, and memory for shapes that a replica may never answer with.
 */
export const serializerBuilder = (): Build => (externalSchemas, options) => {
  const compile = SerializerSelector()(externalSchemas, options);
  const made = new Map<string, ReturnType<typeof compile>>();
  return (route) => {
    const shape = JSON.stringify(route.schema);
    const serializer = () => {
      const serialize = made.get(shape) ?? compile(route);
      made.set(shape, serialize);
      return serialize;
    };
    let serialize: ReturnType<typeof compile> | undefined;
    return (data) => {
      serialize ??= serializer();
      return serialize(data);
    };
  };
};
