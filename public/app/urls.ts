/** A URL, or null for text that is none. (`URL.parse` is too young for the tablets in people's kitchens.) */
export function parseUrl(text: string, base?: string): URL | null {
  return URL.canParse(text, base) ? new URL(text, base) : null
}
