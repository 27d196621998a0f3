/** What the model wrote as arguments of a call: the parsed JSON, `{}` for nothing, the raw text where it is no JSON. */
export function parseArguments(text: string): unknown {
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Arguments as vendors take them back: always an object, empty where the model had written something else. */
export function asObject(value: unknown): Record<string, unknown> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : {}
}
