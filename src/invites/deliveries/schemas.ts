import { type Static, Type } from 'typebox';
import { deliveryEventNames, deliveryEventsOf } from '../../database/tables/words.ts';
import { choice, cursorOf, Integer, idSchema, PagingQuery, pageOf, Time } from '../../http/schemas.ts';

const Event = choice(deliveryEventNames, {
  description:
    '`queued`, `retrying`, `sent` and `failed` are Usher’s word; the others the mail service’s. `blocked`, `failed`, `bounced`, `dropped` and `spam-reported` mean that it did not arrive, or was not welcome.',
});

const Reason = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  maxLength: 500,
  description: 'What the mail service, or the receiving mail server, said.',
  examples: ['550 5.1.1 The email account that you tried to reach does not exist.'],
});

const Message = Type.String({ maxLength: 300, description: 'What that means, for a person.' });

export const Delivery = Type.Object(
  {
    event: Event,
    at: Time,
    attempts: Integer({
      minimum: 0,
      maximum: 2_147_483_647,
      description: 'How many times Usher tried to hand the mail to the mail service.',
    }),
    reason: Reason,
    message: Message,
    sendingStopped: Type.Boolean({
      description:
        'Nothing more is sent to this address for this account, since a mail bounced, was dropped or was reported as spam: until someone confirms the address (`confirmInviteAddress`) or changes it.',
    }),
  },
  {
    $id: 'Delivery',
    additionalProperties: false,
    description: 'What became of the mail of an invite’s last sending, as far as it is known.',
  },
);

export const DeliveryOutcome = choice(Object.keys(deliveryEventsOf) as (keyof typeof deliveryEventsOf)[], {
  description:
    'Invites whose mail has arrived, has not, or of which it is not known (yet). Without SendGrid’s Event Webhook it is not known of any that was sent.',
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
      description: 'Which sending of the invite it was, counted from 1.',
    }),
    attempt: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      format: 'int32',
      minimum: 0,
      maximum: 1_000_000,
      description: 'Which try to send or deliver the mail, where it is about one.',
    }),
    reason: Reason,
    message: Message,
  },
  { $id: 'DeliveryEvent', additionalProperties: false, description: 'Something that became of a mail of an invite.' },
);

export const DeliveryEventPage = pageOf(DeliveryEvent, 'DeliveryEventPage', 'evt');

export const DeliveryEventsQuery = Type.Object(
  { ...PagingQuery, cursor: cursorOf('evt') },
  { additionalProperties: false },
);

export const WebhookHeaders = Type.Object({
  'x-twilio-email-event-webhook-signature': Type.Optional(
    Type.String({ maxLength: 1000, description: 'ECDSA over the timestamp and the bytes of the body, in Base64.' }),
  ),
  'x-twilio-email-event-webhook-timestamp': Type.Optional(
    Type.String({ maxLength: 100, description: 'Seconds since 1970, when it was signed.' }),
  ),
});
export type WebhookHeaders = Static<typeof WebhookHeaders>;

export const SendgridEvents = Type.Array(
  Type.Object({
    event: Type.Optional(Type.String({ maxLength: 100, examples: ['delivered'] })),
    timestamp: Type.Optional(Integer({ minimum: 0, maximum: 99_999_999_999, description: 'Seconds since 1970.' })),
    sg_event_id: Type.Optional(Type.String({ maxLength: 200, description: 'The same for the same event told again.' })),
    deliveryId: Type.Optional(
      Type.String({ maxLength: 200, description: 'The custom argument that Usher gave the mail.' }),
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
    description: 'Events as SendGrid writes them, of which these fields and the reasons are read.',
  },
);
