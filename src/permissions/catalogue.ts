/** A permission as a person sees it, so that a frontend can draw the check-boxes. */
export interface Permission {
  /** `resource:action`. */
  key: string;
  title: string;
  description: string;
  group: string;
}

export interface Catalogue {
  permissions: readonly Permission[];
  has(key: string): boolean;
}

/** What Usher itself asks for. No catalogue is without them. */
const own = [
  permission('account:manage', 'Manage the account', 'Change the account’s name and settings.', 'Account'),
  permission('members:read', 'View members', 'See who is in the account and what they may do.', 'User management'),
  permission('members:manage', 'Manage members', 'Change, suspend and remove members.', 'User management'),
  permission('invites:read', 'View invites', 'See who was invited and what became of it.', 'User management'),
  permission(
    'invites:manage',
    'Manage invites',
    'Invite people; change, resend and revoke invites.',
    'User management',
  ),
] as const;

export type OwnPermission = (typeof own)[number]['key'];

/** The catalogue of a hosting provider's customer portal. */
const customerPortal = [
  permission('profile:manage', 'Modify the account’s profile', 'Change the address and billing details.', 'Account'),
  permission('contacts:read', 'View contacts', 'See the account’s contacts.', 'Contacts'),
  permission('contacts:manage', 'Manage contacts', 'Add, change and remove contacts.', 'Contacts'),
  permission(
    'services:read',
    'View products and services',
    'See what the account has ordered and its state.',
    'Products and services',
  ),
  permission(
    'service-passwords:read',
    'View product passwords',
    'See the passwords of products.',
    'Products and services',
  ),
  permission(
    'service-passwords:manage',
    'Change product passwords',
    'Set new passwords for products.',
    'Products and services',
  ),
  permission(
    'services:sign-on',
    'Single sign-on into services',
    'Enter the control panels of services without a password.',
    'Products and services',
  ),
  permission('domains:read', 'View domains', 'See the account’s domains.', 'Domains'),
  permission(
    'domains:manage',
    'Manage domain settings',
    'Change name servers, locks, contacts and renewals.',
    'Domains',
  ),
  permission('invoices:read', 'View invoices', 'See invoices and their payments.', 'Billing'),
  permission('invoices:pay', 'Pay invoices', 'Pay invoices with the account’s payment methods.', 'Billing'),
  permission('quotes:read', 'View quotes', 'See quotes made for the account.', 'Billing'),
  permission('quotes:accept', 'Accept quotes', 'Accept a quote, which can order and bill.', 'Billing'),
  permission('tickets:read', 'View support tickets', 'Read the account’s support tickets.', 'Support'),
  permission('tickets:open', 'Open support tickets', 'Open tickets, answer and close them.', 'Support'),
  permission('affiliate:read', 'View the affiliate account', 'See referrals and commissions.', 'Affiliate'),
  permission('affiliate:manage', 'Manage the affiliate account', 'Join, and ask for payouts.', 'Affiliate'),
  permission(
    'emails:read',
    'View the account’s e-mails',
    'Read the messages that were sent to the account.',
    'Account',
  ),
  permission(
    'orders:place',
    'Place orders, upgrades and cancellations',
    'Order, upgrade and cancel products.',
    'Orders',
  ),
] as const;

/** The permissions that a list of keys names, in the catalogue's order. One that the catalogue no longer has is left out. */
export function permissionsIn(catalogue: Catalogue, { permissions }: { permissions: readonly string[] }): Permission[] {
  return catalogue.permissions.filter((it) => permissions.includes(it.key));
}

/** The catalogue that is shipped: Usher's own permissions, and a customer portal's. */
export const defaultCatalogue: Catalogue = catalogueOf([...own, ...customerPortal]);

function catalogueOf(permissions: readonly Permission[]): Catalogue {
  const keys = new Set(permissions.map((it) => it.key));
  return { permissions, has: (key) => keys.has(key) };
}

function permission<K extends string>(key: K, title: string, description: string, group: string) {
  return { key, title, description, group };
}
