/** A URL, or null for text that is none. (`URL.parse` is too young for the tablets in people's kitchens.) */
export function parseUrl(text: string, base?: string): URL | null {
  return URL.canParse(text, base) ? new URL(text, base) : null
}

/** People paste whole addresses where a domain is asked for; the host is what is meant. */
export function hostIn(typed: string): string {
  const text = typed.trim()
  return (text.includes('://') ? parseUrl(text)?.hostname : null) ?? text
}
