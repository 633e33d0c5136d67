import { type Static, Type } from 'typebox';
import { deliveryEventNames, deliveryEventsOf } from '../../database/tables/enums.ts';
import { cursorOf, PagingQuery, pageOf } from '../../http/paging.ts';
import { choice, Integer, idSchema, Time } from '../../http/schemas.ts';

const Event = choice(deliveryEventNames, {
  description:
    '`queued`, `retrying`, `sent` and `failed` are recorded by Usher, the others are reported by the mail service. `blocked`, `failed`, `bounced` and `dropped` mean that the mail did not arrive, `spam-reported` that the recipient marked it as spam.',
});

const Reason = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  maxLength: 500,
  description: 'The reason given by the mail service or the receiving mail server.',
  examples: ['550 5.1.1 The email account that you tried to reach does not exist.'],
});

const Message = Type.String({ maxLength: 300, description: 'What the event means, as a text to show to the inviter.' });

export const Delivery = Type.Object(
  {
    event: Event,
    at: Time,
    attempts: Integer({
      minimum: 0,
      maximum: 2_147_483_647,
      description: 'How many times Usher tried to send the mail.',
    }),
    reason: Reason,
    message: Message,
    sendingStopped: Type.Boolean({
      description:
        'True if this account sends no more mail to the address, because a mail bounced, was dropped or was reported as spam. Confirm the address (`confirmInviteAddress`) to send to it again.',
    }),
  },
  {
    $id: 'Delivery',
    additionalProperties: false,
    description: 'The delivery status of the last sending of an invite.',
  },
);

export const DeliveryOutcome = choice(Object.keys(deliveryEventsOf) as (keyof typeof deliveryEventsOf)[], {
  description:
    '`delivered`: the mail arrived. `failed`: it did not arrive or was reported as spam. `waiting`: not known yet. Without SendGrid’s Event Webhook, sent mails stay `waiting`.',
});

export const DeliveryEvent = Type.Object(
  {
    id: idSchema('evt'),
    event: Event,
    at: Time,
    mail: choice(['invite', 'reminder']),
    sending: Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'The number of the sending of the invite, from 1.',
    }),
    attempt: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      format: 'int32',
      minimum: 0,
      maximum: 1_000_000,
      description: 'The number of the attempt to send or deliver the mail; null if the event is not about an attempt.',
    }),
    reason: Reason,
    message: Message,
  },
  {
    $id: 'DeliveryEvent',
    additionalProperties: false,
    description: 'An event in the delivery of a mail of an invite.',
  },
);

export const DeliveryEventPage = pageOf(DeliveryEvent, 'DeliveryEventPage', 'evt');

export const DeliveryEventsQuery = Type.Object(
  { ...PagingQuery, cursor: cursorOf('evt') },
  { additionalProperties: false },
);

export const WebhookHeaders = Type.Object({
  'x-twilio-email-event-webhook-signature': Type.Optional(
    Type.String({
      maxLength: 1000,
      description: 'ECDSA signature of the timestamp and the bytes of the body, in Base64.',
    }),
  ),
  'x-twilio-email-event-webhook-timestamp': Type.Optional(
    Type.String({ maxLength: 100, description: 'When it was signed, in seconds since 1970.' }),
  ),
});
export type WebhookHeaders = Static<typeof WebhookHeaders>;

export const SendgridEvents = Type.Array(
  Type.Object({
    event: Type.Optional(Type.String({ maxLength: 100, examples: ['delivered'] })),
    timestamp: Type.Optional(Integer({ minimum: 0, maximum: 99_999_999_999, description: 'Seconds since 1970.' })),
    sg_event_id: Type.Optional(Type.String({ maxLength: 200, description: 'The same if an event is sent again.' })),
    deliveryId: Type.Optional(
      Type.String({ maxLength: 200, description: 'The custom argument that Usher set on the mail.' }),
    ),
  }),
  {
    $id: 'SendgridEvents',
    maxItems: 100_000,
    examples: [
      [
        {
          event: 'delivered',
          timestamp: 1_795_600_000,
          sg_event_id: 'ZGVsaXZlcmVkLTAtMTIzNDU2Nzg5',
          deliveryId: 'dlv_01k7z2n4q8e6tbv5xw3c9d0hjm',
        },
      ],
    ],
    description:
      'Events in SendGrid’s format. Usher reads the fields listed here, `type`, `reason`, `response` and `attempt`.',
  },
);
