/** Every table. Each of the files reads from top to bottom. */
export * from './tables/access.ts';
export * from './tables/accounts.ts';
export * from './tables/catalogue.ts';
export * from './tables/service.ts';
export * from './tables/users.ts';
