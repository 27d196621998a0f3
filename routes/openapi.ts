import { z, type ZodType } from 'zod'
import type { ErrorCode } from '../services/errors.ts'
import { ClientFrame } from '../services/shapes/frames.ts'
import { bodyLimitOf, type Endpoint, type FurtherAnswer } from './endpoint.ts'
import { ERRORS } from './error-examples.ts'
import { STATUS } from './errors.ts'
import { ServerFrame, SOCKET_DESCRIPTION } from './frame-shapes.ts'
import { operationName, singular } from './operation-names.ts'

type Json = Record<string, unknown>

const ERROR_REF = { $ref: '#/components/schemas/Error' }

const DESCRIPTION = `Everything that the page does, a script can do.

**Who is asking**: a browser by the cookie that \`POST /api/auth/login\` sets; a script by an API key, as \`X-API-Key: stw_…\`
or \`Authorization: Bearer stw_…\`. Every operation says who may use it: \`x-role\` (public, user, admin), \`x-scopes\` (a key
needs one of them; \`admin\` includes \`run\`, and \`run\` includes \`read\`), \`x-session-only\` (no key will do) and
\`x-body-limit\` (bytes).

**Errors** are \`{"error", "code", "detail"?}\`: one sentence for a person, one word for a program. A wrong method is 405 with
\`Allow\`, an unknown path 404, both in the same shape.

**Lists** that page by \`limit\` and \`cursor\` answer \`{"items", "next_cursor", "total"}\`; \`next_cursor\` is null on the last
page. Where counting would take too long, \`total\` stops at 10,000 and \`total_is_min\` is true.

**Repeating**: what creates takes an \`Idempotency-Key\`. A repeat within 24 hours gets the stored answer; with another body,
or while the first is still going, 409. An answer that showed a secret is not shown again: its repeat is 409 with \`detail.id\`.

Times are ISO 8601 in UTC, ids UUIDs. Conversations stream over a WebSocket, the last part of this.`

/** The OpenAPI 3.1 document of all endpoints, made from the same definitions that serve them. */
export function openApiDocument(endpoints: readonly Endpoint[]): Json {
  const schemas: Json = { Error: errorSchema() }
  const paths = pathsOf(endpoints, schemas)
  jsonSchema(ClientFrame, 'input', schemas)
  jsonSchema(ServerFrame, 'output', schemas)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Steward',
      version: '0.1.0',
      summary: 'A personal agent server that one person runs at home.',
      description: `${DESCRIPTION}\n\n${SOCKET_DESCRIPTION}`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(endpoints.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      examples: errorExamples(),
      securitySchemes: securitySchemes(),
    },
  }
}

function pathsOf(endpoints: readonly Endpoint[], schemas: Json): Json {
  const paths: Record<string, Json> = {}
  for (const definition of endpoints)
    (paths[definition.path] ??= {})[definition.method] = operationOf(definition, schemas)
  return paths
}

function operationOf(definition: Endpoint, schemas: Json): Json {
  const { summary, tag, role, scopes, sessionOnly, output, exampleBody } = definition
  const security = role === 'public' ? [] : [{ cookie: [] }, ...(sessionOnly ? [] : [{ apiKey: [] }, { bearer: [] }])]
  const shape = output ? jsonSchema(output, 'output', schemas) : undefined
  return {
    operationId: operationName(definition, isList(shape)),
    summary,
    description: descriptionOf(definition),
    tags: [tag],
    security,
    'x-role': role,
    'x-scopes': scopes,
    'x-session-only': sessionOnly ?? false,
    'x-body-limit': bodyLimitOf(definition),
    parameters: [
      ...pathParameters(definition, schemas),
      ...queryParameters(definition, schemas),
      ...idempotency(definition),
    ],
    ...(definition.upload === undefined ? {} : { requestBody: multipart(definition.upload) }),
    ...(definition.body
      ? { requestBody: { required: true, content: json(jsonSchema(definition.body, 'input', schemas), exampleBody) } }
      : {}),
    responses: responsesOf(definition, shape, schemas),
  }
}

function multipart(field: string): Json {
  const file = { type: 'string', contentMediaType: 'application/octet-stream' }
  const properties = { [field]: { type: 'array', minItems: 1, items: file, description: 'One file or several.' } }
  return {
    required: true,
    content: { 'multipart/form-data': { schema: { type: 'object', required: [field], properties } } },
  }
}

function descriptionOf({ summary, description, role, scopes, sessionOnly }: Endpoint): string {
  const keys = sessionOnly ? 'For a signed-in browser only.' : `API keys need the scope ${scopes.join(' or ')}.`
  const who = role === 'public' ? 'For anybody.' : role === 'admin' ? `For administrators. ${keys}` : keys
  return `${description ?? `${summary}.`}\n\n${who}`
}

function isList(shape: Json | undefined): boolean {
  const properties = Object.values((shape?.properties ?? {}) as Record<string, Json>)
  const isPaged = ['items', 'total', 'entries'].some((name) => name in ((shape?.properties ?? {}) as Json))
  return shape?.type === 'array' || (isPaged && properties.some(({ type }) => type === 'array'))
}

function pathParameters({ path, params }: Endpoint, schemas: Json): Json[] {
  const owner = (name: string) =>
    path
      .slice(0, path.indexOf(`{${name}}`))
      .split('/')
      .at(-2)!
  return parametersOf(params, 'path', schemas, (name) =>
    name.endsWith('id') ? `Which ${singular(owner(name)).replaceAll('-', ' ')}.` : `Which ${name}, URL-encoded.`,
  )
}

const queryParameters = ({ query }: Endpoint, schemas: Json): Json[] => parametersOf(query, 'query', schemas)

function parametersOf(
  shape: (() => ZodType) | undefined,
  place: 'path' | 'query',
  schemas: Json,
  describe?: (name: string) => string,
): Json[] {
  if (!shape) return []
  const { properties = {}, required = [] } = jsonSchema(shape, 'input', schemas) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description = describe?.(name), ...schema }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema,
    ...(description === undefined ? {} : { description }),
  }))
}

function idempotency(definition: Endpoint): Json[] {
  if (!definition.creates) return []
  const again = definition.creates.showsSecret
    ? 'A repeat with the same key within 24 hours creates nothing and is 409, since the secret is shown once.'
    : 'A repeat with the same key and body within 24 hours returns the first answer instead of creating again.'
  const schema = { type: 'string', minLength: 1, maxLength: 255 }
  return [{ name: 'Idempotency-Key', in: 'header', required: false, schema, description: again }]
}

type Said = { description: string; headers?: Json; content?: Json }

function responsesOf(definition: Endpoint, shape: Json | undefined, schemas: Json): Json {
  const { media = 'application/json', example, status = 200 } = definition
  const usual = shape ? json(shape, example) : { [media]: { ...textSchema(media), ...shown(example) } }
  const said: Record<string, Said> = { [status]: { description: `${definition.summary}.`, content: usual } }
  for (const answer of definition.further ?? []) addFurther(said, answer, status, schemas)
  const byStatus = Object.groupBy(errorsOf(definition), (code) => STATUS[code])
  for (const [code, codes] of Object.entries(byStatus)) said[code] ??= failure(codes!)
  return said
}

/** A further media type of a status stands beside the first; so does what it means. */
function addFurther(said: Record<string, Said>, answer: FurtherAnswer, usual: number, schemas: Json): void {
  const { status = usual, media = answer.output ? 'application/json' : undefined, output, example } = answer
  const schema = output ? { schema: jsonSchema(output, 'output', schemas) } : media ? textSchema(media) : {}
  const before = said[status]
  said[status] = {
    description: before ? `${before.description} ${answer.description}` : answer.description,
    ...(media ? { content: { ...before?.content, [media]: { ...schema, ...shown(example) } } } : before),
  }
}

/** Bytes have no schema. */
const textSchema = (media: string): Json =>
  /^text\/|json|xml/.test(media) ? { schema: { type: 'string' } } : { schema: {} }

const shown = (example: unknown): Json => (example === undefined ? {} : { example })

const json = (schema: Json, example: unknown): Json => ({ 'application/json': { schema, ...shown(example) } })

function failure(codes: ErrorCode[]): Said {
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]))
  const seconds = { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } }
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].means}`).join(' '),
    ...(codes.includes('rate_limited') ? { headers: { 'Retry-After': seconds } } : {}),
    content: { 'application/json': { schema: ERROR_REF, examples } },
  }
}

function errorsOf(definition: Endpoint): ErrorCode[] {
  const input = definition.body || definition.query || definition.params
  const codes: ErrorCode[] = [...(definition.errors ?? []), 'internal', 'misdirected']
  if (input || definition.method !== 'get') codes.push('invalid')
  if (definition.role !== 'public') codes.push('unauthorized', 'forbidden', 'setup_required')
  if (definition.method !== 'get') codes.push('cross_origin', 'too_large', 'unsupported_media_type')
  if (definition.creates) codes.push('conflict')
  return [...new Set(codes)]
}

/** A shape as JSON schema. Shapes with a name of their own (`meta({ id })`) become components. */
function jsonSchema(shape: () => ZodType, io: 'input' | 'output', schemas: Json): Json {
  const { $schema: _dialect, ...found } = z.toJSONSchema(shape(), { io, unrepresentable: 'any' }) as Json
  const text = JSON.stringify(found).replaceAll('"#/$defs/', '"#/components/schemas/')
  const { $defs = {}, ...schema } = JSON.parse(text) as Json & { $defs?: Json }
  Object.assign(schemas, $defs)
  return schema
}

function errorSchema(): Json {
  return {
    type: 'object',
    required: ['error', 'code'],
    properties: {
      error: { type: 'string', description: 'One sentence for a person.' },
      code: { type: 'string', enum: Object.keys(STATUS), description: 'One word for a program.' },
      detail: { description: 'For invalid input: [{path, message}].' },
    },
    examples: [{ error: 'Sign in first.', code: 'unauthorized' }],
  }
}

function errorExamples(): Json {
  const entries = Object.entries(ERRORS).map(([code, { means, error, detail }]) => {
    const value = { error, code, ...(detail === undefined ? {} : { detail }) }
    return [code, { summary: means, value }]
  })
  return Object.fromEntries(entries) as Json
}

function securitySchemes(): Json {
  const key = 'An API key, `stw_…`: made by POST /api/api-keys or on the page, under Account.'
  return {
    cookie: {
      type: 'apiKey',
      in: 'cookie',
      name: 'steward_session',
      description:
        'The session of a browser, set by POST /api/auth/login. What changes something must come from the same origin.',
    },
    apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: key },
    bearer: { type: 'http', scheme: 'bearer', description: key },
  }
}
