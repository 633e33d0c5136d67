import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import type { DataValidationCxt } from 'ajv/dist/types/index.js';
import addFormats from 'ajv-formats';
import { Problem } from '../problems/problem.ts';
import { notAnAddress } from '../text/email-address.ts';
import { normalFormKeyword } from './schemas.ts';

// The tests of the OpenAPI document validate the schemas, so the service does not do it at each
// start.
const options: Options = { removeAdditional: false, useDefaults: true, strict: false, validateSchema: false };

/** The maximum number of errors in one answer. */
const maxErrors = 20;

/** Checks whether a text has a format, by the name of the format. */
export type Formats = Record<string, (text: string) => boolean>;

/** Converts a text to a normal form, by the name of the form; undefined if the text has none. */
export type NormalForms = Record<string, (text: string) => string | undefined>;

/**
 * Compiles the validators of the routes on first use. Types are not coerced, and unknown fields are
 * refused, not dropped. Texts with a normal form, such as names, are normalised here for all
 * routes.
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
  return ({ schema }: { schema: object }) => compileLazily(() => ajv.compile(schema));
};

/** A validator that is compiled on first use. */
function compileLazily(compile: () => ValidateFunction) {
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

/**
 * The problem of a failed validation. A malformed id in the path is answered like an unknown one.
 */
export function problemOfValidation({ validation, validationContext }: ValidationError): Problem {
  if (validationContext === 'params') return new Problem('not-found');
  const errors = relevantErrors(validation.filter((it) => it.propertyName === undefined)).slice(0, maxErrors);
  return new Problem('invalid-request', undefined, {
    errors: errors.map((it) => toProblemError(it, validationContext)),
  });
}

/**
 * Reduces the errors of a failed `oneOf`, which Ajv reports for every variant: to the errors inside
 * a variant, if its structure matched, otherwise to the error of the `oneOf` itself.
 */
function relevantErrors(errors: ErrorObject[]): ErrorObject[] {
  const choices = errors.filter((it) => it.keyword === 'oneOf').map((it) => it.instancePath);
  const isOfChoice = (it: ErrorObject) => choices.some((path) => it.instancePath.startsWith(path));
  const structural = ['additionalProperties', 'required', 'const', 'type'];
  const inside = errors.filter((it) => isOfChoice(it) && it.keyword !== 'oneOf' && !structural.includes(it.keyword));
  return errors.filter((it) => !isOfChoice(it) || (inside.length > 0 ? inside.includes(it) : it.keyword === 'oneOf'));
}

function toProblemError(error: ErrorObject, context: string) {
  const { additionalProperty, missingProperty, propertyName = '' } = error.params;
  const field = String(additionalProperty ?? missingProperty ?? propertyName);
  const pointer = error.instancePath + (field === '' ? '' : `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  const detail = detailOf(error, context);
  return context === 'body' ? { pointer, detail } : { parameter: pointer.slice(1), detail };
}

function detailOf({ keyword, message, params }: ErrorObject, context: string): string {
  if (keyword === 'additionalProperties') return context === 'body' ? 'is an unknown field' : 'is an unknown parameter';
  if (keyword === 'required') return 'is required';
  if (keyword === 'pattern' || keyword === 'propertyNames') return 'does not have the required format';
  if (keyword === normalFormKeyword) return 'must be one line with a visible character, without control characters';
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as string[]).join(', ')}`;
  if (keyword === 'format' && params.format === 'email') return notAnAddress[context === 'body' ? 'body' : 'query'];
  if (keyword === 'format') return `must have the format ${params.format}`;
  if (keyword === 'oneOf') return 'must match exactly one of the variants in the schema';
  return message ?? 'is not valid';
}
