/** Every table. Each of the three files reads from top to bottom. */
export * from './tables/accounts.ts';
export * from './tables/service.ts';
export * from './tables/users.ts';
