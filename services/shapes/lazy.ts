/**
 * Puts off building a value until somebody asks, and builds it once. Schemas are written with it: hundreds of zod objects
 * built at start cost a tenth of a second and 28 MB, and most runs of the program need a dozen of them.
 */
export function lazy<T>(build: () => T): () => T {
  let built: { value: T } | undefined
  return () => (built ??= { value: build() }).value
}
