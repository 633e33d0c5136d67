import { Compile } from 'typebox/compile';
import type { ActionEntity, ResourceEntity, SubjectEntity } from './entities.ts';
import { AccessEvaluationRequest } from './schemas.ts';

const validator = Compile(AccessEvaluationRequest);

/** A complete evaluation. */
export interface Evaluation {
  subject: SubjectEntity;
  action: ActionEntity;
  resource: ResourceEntity;
}

type Entities = { subject?: unknown; action?: unknown; resource?: unknown };

/**
 * Merges an evaluation with the defaults of its batch. An entity of the evaluation replaces the
 * default entity; only a missing `type`, `id` or `name` is taken from the default.
 * @returns the evaluation, or the error if it is not valid.
 */
export function merge(item: Entities, defaults: Entities): Evaluation | { error: { pointer: string; detail: string } } {
  const merged = {
    subject: pickStandardMembers(mergeEntity(item.subject, defaults.subject, ['type', 'id'])),
    action: pickStandardMembers(mergeEntity(item.action, defaults.action, ['name'])),
    resource: pickStandardMembers(mergeEntity(item.resource, defaults.resource, ['type', 'id'])),
  };
  for (const [name, entity] of Object.entries(merged)) {
    if (entity === undefined) return { error: { pointer: `/${name}`, detail: 'is required' } };
  }
  if (validator.Check(merged)) return merged;
  const [error] = validator.Errors(merged);
  if (!error) throw new Error('an invalid evaluation has no validation error');
  return { error: { pointer: error.instancePath || '/', detail: error.message } };
}

function mergeEntity(own: unknown, fallback: unknown, required: string[]): unknown {
  if (own === undefined) return fallback;
  if (!isObject(own) || !isObject(fallback)) return own;
  const missing = required.filter((it) => !Object.hasOwn(own, it) && Object.hasOwn(fallback, it));
  return { ...own, ...Object.fromEntries(missing.map((it) => [it, fallback[it]])) };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An entity without the members that the standard does not define. There can be thousands of them,
 * and every evaluation that inherits them would be validated with all of them.
 */
function pickStandardMembers(entity: unknown): unknown {
  if (!isObject(entity)) return entity;
  return Object.fromEntries(
    ['type', 'id', 'name', 'properties'].flatMap((it) => (Object.hasOwn(entity, it) ? [[it, entity[it]]] : [])),
  );
}
