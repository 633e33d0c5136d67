/** A program of its own: makes an empty embedded database in the folder named by its argument, and ends. */
import { PGlite } from '@electric-sql/pglite';

// Whoever asked for it was killed: nobody would take it any more.
process.on('disconnect', () => process.exit(1));

const client = await PGlite.create({ dataDir: process.argv[2] as string });
await client.close();
process.exit(0);
