import type { Steward } from '../steward.ts'

/** The operations of a running Steward, as its own document tells them. */

type Schema = { type?: string; properties?: Record<string, Schema>; anyOf?: Schema[]; oneOf?: Schema[] }

export type Operation = {
  /** `post /api/agents/{id}/run` */
  name: string
  method: string
  path: string
  role: unknown
  scopes: unknown
  sessionOnly: unknown
  bodyLimit: unknown
  security: Record<string, string[]>[] | undefined
  parameters: { name: string; in: string; required: boolean }[]
  exampleBody: Record<string, unknown> | undefined
  /** The field that files come in, where it takes multipart/form-data. */
  upload: string | undefined
  /** The fields a body may have. */
  bodyFields: string[]
  changes: boolean
}

export async function readOperations({ url }: Pick<Steward, 'url'>): Promise<Operation[]> {
  const document: any = await (await fetch(`${url}/openapi.json`)).json()
  return Object.entries<Record<string, any>>(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, told]) => operationOf(method, path, told)),
  )
}

function operationOf(method: string, path: string, told: any): Operation {
  const content = told.requestBody?.content?.['application/json']
  return {
    name: `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    role: told['x-role'],
    scopes: told['x-scopes'],
    sessionOnly: told['x-session-only'],
    bodyLimit: told['x-body-limit'],
    security: told.security,
    parameters: told.parameters ?? [],
    exampleBody: content?.example,
    upload: told.requestBody?.content?.['multipart/form-data']?.schema.required[0],
    bodyFields: fieldsOf(content?.schema),
    changes: method !== 'get',
  }
}

function fieldsOf(schema: Schema | undefined): string[] {
  if (!schema) return []
  const forms = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  return [...new Set([...Object.keys(schema.properties ?? {}), ...forms.flatMap(fieldsOf)])]
}

/** A request that changes something as its document shows it: its type, and what is sent. */
export function sentBy({ upload, exampleBody }: Pick<Operation, 'upload' | 'exampleBody'>): {
  type: string
  body: string
} {
  if (upload === undefined) return { type: 'application/json', body: JSON.stringify(exampleBody ?? {}) }
  const head = `--x\r\nContent-Disposition: form-data; name="${upload}"; filename="a.txt"\r\n\r\n`
  return { type: 'multipart/form-data; boundary=x', body: `${head}Hello.\r\n--x--\r\n` }
}

/** The parts of a path that stand for something, each with the path up to and with it. */
export function placesIn(path: string): { name: string; upTo: string }[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1]!,
    upTo: path.slice(0, match.index + match[0].length),
  }))
}

/** The path with each part filled by what `things` has for it; throws where it has nothing. */
export function filled(path: string, things: Record<string, string>): string {
  return placesIn(path).reduce((text, { name, upTo }) => {
    const value = things[upTo]
    if (value === undefined)
      throw new Error(
        `Say in tests/peers/belongings.ts what stands for {${name}} in ${upTo}: something that is the owner's.`,
      )
    return text.replace(`{${name}}`, encodeURIComponent(value))
  }, path)
}
