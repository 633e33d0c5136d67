/** Every table. */
export * from './tables/access.ts';
export * from './tables/accounts.ts';
export * from './tables/catalogue.ts';
export * from './tables/service.ts';
export * from './tables/users.ts';
