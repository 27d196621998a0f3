import { z, type ZodType } from 'zod'
import type { ErrorCode } from '../services/errors.ts'
import { bodyLimitOf, type Endpoint } from './endpoint.ts'
import { STATUS } from './errors.ts'

type Json = Record<string, unknown>

const ERROR_REF = { $ref: '#/components/schemas/Error' }

/** The OpenAPI 3.1 document of all endpoints, made from the same definitions that serve them. */
export function openApiDocument(endpoints: readonly Endpoint[]): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Steward',
      version: '0.1.0',
      summary: 'A personal agent server that one person runs at home.',
      description:
        'Sign in with the cookie of POST /api/auth/login, or send an API key as X-API-Key or as a bearer token. Conversations stream over the WebSocket /ws/{session_id}. Every operation says who may use it: x-role (public, user, admin), x-scopes (an API key needs one of them), x-session-only (no API key will do), x-body-limit (bytes).',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(endpoints.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: pathsOf(endpoints),
    components: { schemas: { Error: errorSchema() }, securitySchemes: securitySchemes() },
  }
}

function pathsOf(endpoints: readonly Endpoint[]): Json {
  const paths: Record<string, Json> = {}
  for (const definition of endpoints) (paths[definition.path] ??= {})[definition.method] = operationOf(definition)
  return paths
}

function operationOf(definition: Endpoint): Json {
  const { summary, description, tag, role, scopes, sessionOnly } = definition
  const security = role === 'public' ? [] : [{ cookie: [] }, ...(sessionOnly ? [] : [{ apiKey: [] }, { bearer: [] }])]
  const keys =
    role === 'public'
      ? ''
      : sessionOnly
        ? 'For a signed-in browser only.'
        : `API keys need the scope ${scopes.join(' or ')}.`
  return {
    operationId: operationId(definition),
    summary,
    description: [description, role === 'admin' ? 'For administrators.' : '', keys].filter(Boolean).join(' '),
    tags: [tag],
    security,
    'x-role': role,
    'x-scopes': scopes,
    'x-session-only': sessionOnly ?? false,
    'x-body-limit': bodyLimitOf(definition),
    parameters: [
      ...parametersOf(definition.params, 'path'),
      ...parametersOf(definition.query, 'query'),
      ...idempotency(definition),
    ],
    ...(definition.body
      ? { requestBody: { required: true, content: content(definition.body, 'input', definition.exampleBody) } }
      : {}),
    responses: responsesOf(definition),
  }
}

function operationId({ method, path }: Endpoint): string {
  const words = path.split(/[/{}._-]+/).filter((word) => word !== '' && word !== 'api')
  return method + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
}

function parametersOf(shape: (() => ZodType) | undefined, place: 'path' | 'query'): Json[] {
  if (!shape) return []
  const { properties = {}, required = [] } = jsonSchema(shape, 'input') as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema,
    ...(schema.description === undefined ? {} : { description: schema.description }),
  }))
}

function idempotency(definition: Endpoint): Json[] {
  if (!definition.creates) return []
  const description =
    'A repeat with the same key and body within 24 hours returns the first answer instead of creating again.'
  return [
    { name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', maxLength: 255 }, description },
  ]
}

function responsesOf(definition: Endpoint): Json {
  const { output, media, example, status = 200 } = definition
  const body = output ? content(output, 'output', example) : { [media ?? 'application/json']: { schema: {} } }
  const success = { [status]: { description: definition.summary, content: body } }
  const byStatus = Object.groupBy(errorsOf(definition), (code) => STATUS[code])
  const failures = Object.entries(byStatus).map(([code, codes]) => [
    code,
    { description: codes!.join(', '), content: { 'application/json': { schema: ERROR_REF } } },
  ])
  return { ...success, ...Object.fromEntries(failures) }
}

function errorsOf(definition: Endpoint): ErrorCode[] {
  const input = definition.body || definition.query || definition.params
  const codes: ErrorCode[] = [...(definition.errors ?? []), 'internal']
  if (input) codes.push('invalid')
  if (definition.role !== 'public') codes.push('unauthorized', 'forbidden', 'setup_required')
  if (definition.body) codes.push('too_large', 'unsupported_media_type')
  if (definition.creates) codes.push('conflict')
  return [...new Set(codes)]
}

function content(shape: () => ZodType, io: 'input' | 'output', example: unknown): Json {
  return { 'application/json': { schema: jsonSchema(shape, io), ...(example === undefined ? {} : { example }) } }
}

function jsonSchema(shape: () => ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(shape(), { io, unrepresentable: 'any' }) as Json
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
    example: { error: 'Sign in first.', code: 'unauthorized' },
  }
}

function securitySchemes(): Json {
  return {
    cookie: { type: 'apiKey', in: 'cookie', name: 'steward_session' },
    apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
    bearer: { type: 'http', scheme: 'bearer' },
  }
}
