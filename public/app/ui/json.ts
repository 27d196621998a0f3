/** Reads a JSON object that somebody typed; `error` says in words what is wrong with it. */
export function parseObject(text: string): { value?: Record<string, unknown>; error?: string } {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { value: value as Record<string, unknown> }
    return { error: 'The arguments must be an object: { … }.' }
  } catch (error) {
    return { error: `This is not valid JSON yet. ${error instanceof Error ? error.message : ''}`.trim() }
  }
}
