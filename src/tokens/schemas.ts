import { Type } from 'typebox';

const text = (examples: string[]) => Type.String({ maxLength: 200, examples });

export const JwkSet = Type.Object(
  {
    keys: Type.Array(
      Type.Object(
        {
          kty: text(['OKP']),
          crv: text(['Ed25519']),
          x: text(['11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo']),
          kid: text(['kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k']),
          alg: text(['EdDSA']),
          use: text(['sig']),
        },
        { additionalProperties: false },
      ),
      { maxItems: 100 },
    ),
  },
  { $id: 'JwkSet', additionalProperties: false, description: 'Public keys (RFC 7517, RFC 8037).' },
);
