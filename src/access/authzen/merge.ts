import { Compile } from 'typebox/compile';
import type { ActionEntity, ResourceEntity, SubjectEntity } from './entities.ts';
import { AccessEvaluationRequest } from './schemas.ts';

const evaluations = Compile(AccessEvaluationRequest);

/** One evaluation with all that it needs. */
export interface Evaluation {
  subject: SubjectEntity;
  action: ActionEntity;
  resource: ResourceEntity;
}

type Entities = { subject?: unknown; action?: unknown; resource?: unknown };

/**
 * One evaluation of a batch with what it takes from the batch: each entity as a whole, and of the batch's where it has none; only
 * a `type`, an `id` or a `name` that its own lacks is taken from the batch's.
 * @returns what is wrong with it instead, where something is missing or of another type.
 */
export function merge(item: Entities, defaults: Entities): Evaluation | { wrong: { pointer: string; detail: string } } {
  const merged = {
    subject: named(entityOf(item.subject, defaults.subject, ['type', 'id'])),
    action: named(entityOf(item.action, defaults.action, ['name'])),
    resource: named(entityOf(item.resource, defaults.resource, ['type', 'id'])),
  };
  for (const [name, entity] of Object.entries(merged)) {
    if (entity === undefined) return { wrong: { pointer: `/${name}`, detail: 'is required' } };
  }
  if (evaluations.Check(merged)) return merged;
  const [wrong] = evaluations.Errors(merged);
  if (!wrong) throw new Error('a wrong evaluation has no error');
  return { wrong: { pointer: wrong.instancePath || '/', detail: wrong.message } };
}

function entityOf(own: unknown, usual: unknown, required: string[]): unknown {
  if (own === undefined) return usual;
  if (!isObject(own) || !isObject(usual)) return own;
  const taken = required.filter((it) => !Object.hasOwn(own, it) && Object.hasOwn(usual, it));
  return { ...own, ...Object.fromEntries(taken.map((it) => [it, usual[it]])) };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An entity without the members that the standard does not name. There can be thousands of them,
 * and each evaluation that inherits them would be validated with all.
 */
function named(entity: unknown): unknown {
  if (!isObject(entity)) return entity;
  return Object.fromEntries(
    ['type', 'id', 'name', 'properties'].flatMap((it) => (Object.hasOwn(entity, it) ? [[it, entity[it]]] : [])),
  );
}
