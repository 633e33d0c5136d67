/** Program: creates an empty embedded database in the folder given as its argument. */
import { PGlite } from '@electric-sql/pglite';

// The parent process was killed: nothing would use the database.
process.on('disconnect', () => process.exit(1));

const client = await PGlite.create({ dataDir: process.argv[2] as string });
await client.close();
process.exit(0);
