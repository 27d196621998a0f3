/** `web` with `{operation: 'search'}` is called `web.search`, as in the settings and the audit log. */
export function toolTitle(name: string, args: unknown): string {
  const operation = (args as { operation?: unknown } | null)?.operation
  return typeof operation === 'string' && !name.includes('.') ? `${name}.${operation}` : name
}
