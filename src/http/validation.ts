import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import type { DataValidationCxt } from 'ajv/dist/types/index.js';
import addFormats from 'ajv-formats';
import { Problem } from '../problems/problem.ts';
import { notAnAddress } from '../text/email-address.ts';
import { normalFormKeyword } from './schemas.ts';

// That the schemas are schemas is checked with the OpenAPI document that is made of them, and not at each start.
const options: Options = { removeAdditional: false, useDefaults: true, strict: false, validateSchema: false };

/** How many mistakes one answer names at most. */
const namedMistakes = 20;

/** What a text of a format of ours must be, by the format's name. */
export type Formats = Record<string, (text: string) => boolean>;

/**
 * The normal form of a text, by the name of the form; undefined for a text that does not have one.
 */
export type NormalForms = Record<string, (text: string) => string | undefined>;

/**
 * Compiles the validators of the routes, each when it is first used. Nothing is coerced and nothing
 * unknown is dropped; texts with a normal form, such as names, are normalised here, so that no
 * route has to do it.
 */
export const validatorBuilder = (formats: Formats, normalForms: NormalForms) => (externalSchemas: unknown) => {
  const ajv = new Ajv(options);
  addFormats.default(ajv);
  ajv.addKeyword({
    keyword: normalFormKeyword,
    type: 'string',
    modifying: true,
    before: 'maxLength',
    validate: (form: string, text: string, _?: unknown, place?: DataValidationCxt) => {
      const normal = normalForms[form]?.(text);
      if (normal === undefined || !place) return false;
      place.parentData[place.parentDataProperty] = normal;
      return true;
    },
  });
  for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, { type: 'string', validate });
  for (const schema of Object.values(externalSchemas as object)) ajv.addSchema(schema as object);
  return ({ schema }: { schema: object }) => whenUsed(() => ajv.compile(schema));
};

/** The same validator, compiled by its first use. */
function whenUsed(compile: () => ValidateFunction) {
  let compiled: ValidateFunction | undefined;
  const validate = (data: unknown): boolean => {
    compiled ??= compile();
    const isValid = compiled(data);
    validate.errors = compiled.errors;
    return isValid;
  };
  validate.errors = undefined as ValidateFunction['errors'];
  return validate;
}

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
  const mistakes = tellingErrors(validation.filter((it) => it.propertyName === undefined)).slice(0, namedMistakes);
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
  const { additionalProperty, missingProperty, propertyName = '' } = error.params;
  const field = String(additionalProperty ?? missingProperty ?? propertyName);
  const pointer = error.instancePath + (field === '' ? '' : `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  const detail = detailOf(error, context);
  return context === 'body' ? { pointer, detail } : { parameter: pointer.slice(1), detail };
}

function detailOf({ keyword, message, params }: ErrorObject, context: string): string {
  if (keyword === 'additionalProperties') return 'is not known here';
  if (keyword === 'required') return 'is required';
  if (keyword === 'pattern' || keyword === 'propertyNames') return 'does not have the form asked for';
  if (keyword === normalFormKeyword) return 'must be one line with a visible character, without control characters';
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as string[]).join(', ')}`;
  if (keyword === 'format' && params.format === 'email') return notAnAddress[context === 'body' ? 'body' : 'query'];
  if (keyword === 'format') return `must be a ${params.format}`;
  if (keyword === 'oneOf') return 'must be exactly one of the forms that this call describes';
  return message ?? 'is not valid';
}
