import { Ajv, type ErrorObject, type Options } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem, type ProblemExtensions } from '../problems.ts';

const options: Options = { removeAdditional: false, useDefaults: true, strict: false };

/** How many mistakes one answer names at most. */
const namedMistakes = 20;

/** What a text of a format of ours must be, by the format's name. */
export type Formats = Record<string, (text: string) => boolean>;

/** Compiles the validators of the routes. Everything is taken as it is: nothing is coerced, nothing unknown is dropped in silence. */
export const validatorBuilder = (formats: Formats) => (externalSchemas: unknown) => {
  const ajv = new Ajv(options);
  addFormats.default(ajv);
  for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, { type: 'string', validate });
  for (const schema of Object.values(externalSchemas as object)) ajv.addSchema(schema as object);
  return ({ schema }: { schema: object }) => ajv.compile(schema);
};

interface ValidationError {
  validation: ErrorObject[];
  validationContext: string;
}

export function isValidationError(error: unknown): error is ValidationError {
  return Array.isArray((error as Partial<ValidationError>)?.validation);
}

/** What a failed validation is answered with. A path that can't be an id names nothing that exists. */
export function problemOfValidation({ validation, validationContext }: ValidationError): Problem {
  if (validationContext === 'params') return new Problem('not-found');
  const mistakes = tellingErrors(validation).slice(0, namedMistakes);
  return new Problem('invalid-request', undefined, { errors: mistakes.map((it) => mistakeOf(it, validationContext)) });
}

/** What can be learnt from a failed `oneOf` is that it failed, or, where one way was taken, what was wrong inside. */
function tellingErrors(errors: ErrorObject[]): ErrorObject[] {
  const choices = errors.filter((it) => it.keyword === 'oneOf').map((it) => it.instancePath);
  const isOfChoice = (it: ErrorObject) => choices.some((path) => it.instancePath.startsWith(path));
  const ways = ['additionalProperties', 'required', 'const', 'type'];
  const inside = errors.filter((it) => isOfChoice(it) && it.keyword !== 'oneOf' && !ways.includes(it.keyword));
  return errors.filter((it) => !isOfChoice(it) || (inside.length > 0 ? inside.includes(it) : it.keyword === 'oneOf'));
}

function mistakeOf(error: ErrorObject, context: string) {
  const field = String(error.params.additionalProperty ?? error.params.missingProperty ?? '');
  const pointer = error.instancePath + (field === '' ? '' : `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  const detail = detailOf(error);
  return context === 'body' ? { pointer, detail } : { parameter: pointer.slice(1), detail };
}

function detailOf({ keyword, message, params }: ErrorObject): string {
  if (keyword === 'additionalProperties') return 'is not known here';
  if (keyword === 'required') return 'is required';
  if (keyword === 'pattern') return 'does not have the form asked for';
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as string[]).join(', ')}`;
  if (keyword === 'format')
    return params.format === 'email' ? 'must be an e-mail address' : `must be a ${params.format}`;
  if (keyword === 'oneOf') return 'must be exactly one of the forms that this call describes';
  return message ?? 'is not valid';
}

/**
 * Refuses a body where none is asked for and a query where none is known, and reads the numbers of a query; and, once a request has the form asked for, text
 * that no database column can hold as it is: NUL, and halves of surrogate pairs.
 */
export function refuseUnstorable(app: FastifyInstance): void {
  app.addHook('preValidation', async (request) => {
    refuseUnasked(request);
    readNumbers(request);
  });
  app.addHook('preHandler', async ({ body, query, params }) => {
    const detail = 'holds a NUL or half a character';
    if (findUnstorable(params, '') !== undefined) throw new Problem('not-found');
    const parameter = findUnstorable(query, '')?.slice(1);
    if (parameter !== undefined) throw invalid({ parameter, detail });
    const pointer = findUnstorable(body, '');
    if (pointer !== undefined) throw invalid({ pointer, detail });
  });
}

function refuseUnasked({ is404, routeOptions, body, query }: FastifyRequest): void {
  // What is not there asks for nothing: it answers 404 or 405, whatever is sent to it.
  if (is404) return;
  const { schema } = routeOptions;
  if (!schema?.body && body !== undefined && body !== null && !isEmpty(body)) {
    throw invalid({ pointer: '', detail: 'this call takes no body' });
  }
  const [parameter] = Object.keys(query as object);
  if (!schema?.querystring && parameter !== undefined) throw invalid({ parameter, detail: 'is not known here' });
}

/** A query string has only text: what is asked for as a number, and is one in plain digits, is read as one. */
function readNumbers({ routeOptions, query }: FastifyRequest): void {
  const { properties = {} } = (routeOptions.schema?.querystring ?? {}) as {
    properties?: Record<string, { type?: string }>;
  };
  const given = query as Record<string, unknown>;
  for (const [name, { type }] of Object.entries(properties)) {
    const text = given[name];
    if (type === 'integer' && typeof text === 'string' && /^-?\d{1,15}$/.test(text)) given[name] = Number(text);
  }
}

const isEmpty = (body: unknown) => typeof body === 'object' && body !== null && Object.keys(body).length === 0;

const invalid = (error: NonNullable<ProblemExtensions['errors']>[number]) =>
  new Problem('invalid-request', undefined, { errors: [error] });

/** A JSON Pointer to the first text that can't be stored; undefined where there is none. */
function findUnstorable(value: unknown, pointer: string): string | undefined {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? pointer : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const place = findUnstorable(inner, `${pointer}/${key}`);
    if (place !== undefined) return place;
  }
  return undefined;
}
