/** The parts of answers that the demo reads. The OpenAPI document has all of them. */

export interface Session {
  accessToken: string;
  user: { id: string; email: string; name: string };
}

export interface Access {
  allPermissions: boolean;
  permissions: string[];
}

export interface Account {
  id: string;
  name: string;
}

export interface Permission {
  key: string;
  title: string;
  group: string;
}

export interface Invite {
  id: string;
  email: string;
  access: Access;
  status: string;
  expiresAt: string;
}

export interface Preview {
  account: Account;
  invitedBy: { name: string };
  email: string;
  access: Access;
  hasLogin: boolean;
}

export interface Member {
  user: { id: string; email: string; name: string };
  access: Access;
  isOwner: boolean;
}

export interface Accepted {
  membership: Member;
  account: Account;
  session: Session;
}

export interface MyAccount {
  id: string;
  name: string;
  isOwner: boolean;
  effectivePermissions: string[];
}

export interface Problem {
  title: string;
  status: number;
  detail?: string;
  code: string;
  permission?: string;
}

/** The fields of a problem worth printing. */
export const toProblemSummary = ({ code, title, detail, permission }: Problem) => ({
  code,
  title,
  ...(detail === undefined ? {} : { detail }),
  ...(permission === undefined ? {} : { permission }),
});

export interface List<T> {
  items: T[];
}
