import type { TestService } from './service.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT';

/** The parts of JSON Schema that the document uses for bodies. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  format?: string;
  minimum?: number;
  examples?: unknown[];
}

/** An operation of the document. */
export interface Operation {
  method: Method;
  /** With `{…}` for parameters. */
  path: string;
  id: string;
  /** The credential that it requires. */
  credential: 'none' | 'optional' | 'bearer';
  /** The names of its query parameters. */
  query: string[];
  /** Its required query parameters with example values. */
  sampleQuery: Record<string, string>;
  /** The schema of its JSON body. */
  body: Schema | undefined;
  /** Whether the body may be missing or an empty object. */
  isBodyOptional: boolean;
  /** The schema of its form body. */
  form: Schema | undefined;
}

interface DescribedOperation {
  operationId: string;
  security?: object[];
  parameters?: { in: string; name: string; required?: boolean; example?: unknown }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
}

interface Document {
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { schemas: Record<string, Schema> };
}

/**
 * Every operation of the service's OpenAPI document, and functions that create bodies from its
 * schemas.
 */
export function readDocument(app: TestService['app']) {
  const { paths, components } = app.swagger() as unknown as Document;
  const resolve = (schema: Schema): Schema =>
    schema.$ref === undefined ? schema : (components.schemas[schema.$ref.replace(/^.*\//, '')] as Schema);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, it]) => operationOf(method.toUpperCase() as Method, path, it)),
  );
  return { operations, ...bodiesOf(resolve) };
}

function operationOf(method: Method, path: string, it: DescribedOperation): Operation {
  const ways = it.security ?? [];
  const query = (it.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const required = query.filter((parameter) => parameter.required);
  return {
    method,
    path,
    id: it.operationId,
    credential: ways.length === 0 ? 'none' : ways.some((way) => Object.keys(way).length === 0) ? 'optional' : 'bearer',
    query: query.map((parameter) => parameter.name),
    sampleQuery: Object.fromEntries(required.map(({ name, example }) => [name, String(example)])),
    body: it.requestBody?.content['application/json']?.schema,
    isBodyOptional: it.requestBody?.required === false,
    form: it.requestBody?.content['application/x-www-form-urlencoded']?.schema,
  };
}

/** A value in a body: its JSON Pointer, and the JSON types that its schema accepts. */
export interface Place {
  pointer: string;
  types: string[];
}

function bodiesOf(resolve: (schema: Schema) => Schema) {
  // Takes the last alternative: for access, it is the one that contains strings.
  const chosen = (schema: Schema): Schema => {
    const { oneOf, ...resolved } = resolve(schema);
    return { ...resolved, ...oneOf?.at(-1) };
  };

  /** A valid body with all properties, including optional ones. */
  function sampleOf(schema: Schema): unknown {
    const it = chosen(schema);
    if (it.properties) {
      return Object.fromEntries(Object.entries(it.properties).map(([key, inner]) => [key, sampleOf(inner)]));
    }
    if (it.items) return it.examples?.[0] ?? [sampleOf(it.items)];
    if (it.enum) return it.enum[0];
    if (it.examples) return it.examples[0];
    const [type] = [it.type].flat();
    return type === 'integer' ? (it.minimum ?? 1) : type === 'boolean' ? true : 'some text';
  }

  /** Every value in such a body that is neither an object nor a list. */
  function leavesOf(schema: Schema, pointer = ''): Place[] {
    const it = chosen(schema);
    if (it.properties) {
      return Object.entries(it.properties).flatMap(([key, inner]) => leavesOf(inner, `${pointer}/${key}`));
    }
    if (it.items) return leavesOf(it.items, `${pointer}/0`);
    return [{ pointer, types: [it.type ?? []].flat() }];
  }

  /** Every object in such a body, with its required properties. */
  function objectsOf(schema: Schema, pointer = ''): { pointer: string; required: string[] }[] {
    const it = chosen(schema);
    if (!it.properties) return [];
    const inner = Object.entries(it.properties).flatMap(([key, at]) => objectsOf(at, `${pointer}/${key}`));
    return [{ pointer, required: it.required ?? [] }, ...inner];
  }

  return { sampleOf, leavesOf, objectsOf };
}

/**
 * A copy of a JSON value with a different value at a JSON Pointer; `undefined` removes the value.
 */
export function withValue(value: unknown, pointer: string, replacement: unknown): unknown {
  if (pointer === '') return replacement;
  const copy = structuredClone(value);
  const keys = pointer.slice(1).split('/');
  const last = keys.pop() as string;
  const holder = keys.reduce((inner, key) => inner[key] as Record<string, unknown>, copy as Record<string, unknown>);
  holder[last] = replacement;
  return copy;
}

/** Replaces the parameters of a path with values. */
export function pathWith(path: string, values: Record<string, string>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for {${name}} of ${path}`);
    return value;
  });
}
