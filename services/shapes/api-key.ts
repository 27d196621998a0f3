export const SCOPES = ['read', 'run', 'admin', 'approve'] as const
export type Scope = (typeof SCOPES)[number]

const IMPLIED: Record<Scope, readonly Scope[]> = {
  read: ['read'],
  run: ['run', 'read'],
  admin: ['admin', 'run', 'read'],
  approve: ['approve'],
}

/** What a set of scopes allows in all: admin can also run, run can also read; nothing implies approve. */
export function effectiveScopes(scopes: readonly Scope[]): ReadonlySet<Scope> {
  return new Set(scopes.flatMap((scope) => IMPLIED[scope]))
}
