/** Program: prints a new JWK set with one private key, for `SIGNING_KEYS`. */
import { generateSigningKeys } from '../tokens/keys.ts';

process.stdout.write(await generateSigningKeys());
