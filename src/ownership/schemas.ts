import { type Static, Type } from 'typebox';
import { idSchema } from '../http/schemas.ts';

export const OwnershipOffer = Type.Object(
  { userId: idSchema('usr') },
  { $id: 'OwnershipOffer', additionalProperties: false },
);
export type OwnershipOffer = Static<typeof OwnershipOffer>;
