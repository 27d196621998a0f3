import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import type { ZodType } from 'zod'
import type { Config } from '../services/config.ts'
import { AppError, type ErrorCode, type FieldProblem } from '../services/errors.ts'
import type { Services } from '../services/index.ts'
import { isRecord } from '../services/shapes/record.ts'
import type { Scope } from '../services/shapes/api-key.ts'
import type { Who } from '../services/who.ts'
import { identify, permit } from './auth.ts'
import { refuseDeep } from './depth.ts'
import { doneOnce } from './once.ts'

/** What a handler is given beside its input. `who` is there unless the endpoint is public. */
export type Context = { services: Services; config: Config; who: Who; req: Request; res: Response }

type Lazy<T> = () => ZodType<T>

/** A further answer beside the usual one: of another status (the usual where none is given) or media type. */
export type FurtherAnswer = {
  description: string
  status?: number
  media?: string
  output?: Lazy<any>
  example?: unknown
}

/** The largest body of a request, in bytes, where an endpoint says nothing else. */
const BODY_LIMIT = 1024 * 1024
/** The same where anybody may ask. */
const STRANGERS_BODY_LIMIT = 16 * 1024

/**
 * An endpoint is a value: from it come the route, who may use it, the validation of what comes in, the answer's status and
 * the entry in the OpenAPI document.
 */
export type Endpoint<P = any, Q = any, B = any, O = any> = {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** As OpenAPI writes it: /api/credentials/{key} */
  path: string
  /** What clients that are generated from the document call it; made from method and path where absent. */
  operationId?: string
  summary: string
  description?: string
  tag: string
  /** `public`: anybody, also before set-up. */
  role: 'public' | 'user' | 'admin'
  /** An API key needs one of these. */
  scopes: readonly Scope[]
  /** Only for a signed-in browser. */
  sessionOnly?: boolean
  params?: Lazy<P>
  query?: Lazy<Q>
  body?: Lazy<B>
  /**
   * Takes files as multipart/form-data in the field of this name. Nothing of them is read before `handle`, which reads them as
   * they come (routes/multipart.ts).
   */
  upload?: string
  /** Largest body, in bytes; 1 MiB when absent, 16 KiB where the endpoint is public. */
  bodyLimit?: number
  /** The shape of the answer; absent where it is no JSON (`media` says what). */
  output?: Lazy<O>
  media?: string
  status?: 200 | 201 | 202
  further?: readonly FurtherAnswer[]
  errors?: readonly ErrorCode[]
  /** Of the answer: a value of `output`, or text where it is no JSON. */
  example?: O
  exampleBody?: B
  /**
   * Takes an Idempotency-Key. With a synchronous `handle` the stored answer is written in the transaction of the effect;
   * otherwise right after it.
   */
  creates?: { showsSecret: boolean }
  /** Its answer shows a secret to whom asked for it; every other answer is masked. */
  showsSecret?: boolean
  /** What must be awaited before a synchronous `handle`. */
  prepare?: (input: Input<P, Q, B>, context: Context) => Promise<Input<P, Q, B>>
  handle: (input: Input<P, Q, B>, context: Context) => O | Promise<O>
}

export type Input<P, Q, B> = { params: P; query: Q; body: B }

/** Keeps the types of one endpoint together while it is written. */
export function endpoint<P, Q, B, O>(definition: Endpoint<P, Q, B, O>): Endpoint<P, Q, B, O> {
  return definition
}

/** Mounts every endpoint on the app. */
export function mount(app: Express, endpoints: readonly Endpoint[], services: Services, config: Config): void {
  for (const definition of endpoints) {
    const path = definition.path.replace(/\{(\w+)\}/g, ':$1')
    app[definition.method](path, ...bodyParsers(definition, services), (req, res) =>
      serve(definition, req, res, services, config),
    )
  }
}

/** Nothing of a body is read before it is known that the asker may ask. */
function bodyParsers(definition: Endpoint, services: Services): RequestHandler[] {
  const allow: RequestHandler = (req, res, next) => {
    res.locals.route = definition.path
    res.locals.who = admit(definition, req, services)
    next()
  }
  if (definition.upload !== undefined) return [allow, multipartOnly]
  const limit = bodyLimitOf(definition)
  return [allow, jsonOnly, express.json({ limit, strict: false, type: () => true }), shallowOnly]
}

export function bodyLimitOf({ bodyLimit, role }: Endpoint): number {
  return bodyLimit ?? (role === 'public' ? STRANGERS_BODY_LIMIT : BODY_LIMIT)
}

const jsonOnly: RequestHandler = (req, _res, next) => {
  const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0
  if (!hasBody || req.is('application/json')) return next()
  next(new AppError('unsupported_media_type', 'Send the body as application/json.'))
}

const multipartOnly: RequestHandler = (req, _res, next) => {
  if (req.is('multipart/form-data')) return next()
  next(new AppError('unsupported_media_type', 'Send the files as multipart/form-data.'))
}

const shallowOnly: RequestHandler = (req, _res, next) => {
  refuseDeep(req.body)
  next()
}

function admit(definition: Endpoint, req: Request, services: Services): Who | undefined {
  const waits = definition.path.startsWith('/api/') && definition.path !== '/api/setup'
  if (waits && services.setup.needed()) {
    throw new AppError(
      'setup_required',
      'Steward is not set up yet. Open the set-up link that it printed when it started.',
    )
  }
  if (definition.role === 'public') return undefined
  const who = permit(identify(req, services), {
    role: definition.role,
    scopes: definition.scopes,
    sessionOnly: definition.sessionOnly ?? false,
  })
  services.who.noteUse(who, definition.scopes)
  return who
}

async function serve(
  definition: Endpoint,
  req: Request,
  res: Response,
  services: Services,
  config: Config,
): Promise<void> {
  const context: Context = { services, config, who: res.locals.who as Who, req, res }
  const input = inputOf(definition, req, services)
  const status = definition.status ?? 200
  const prepared = async () => (definition.prepare ? await definition.prepare(input, context) : input)
  const answer = definition.creates
    ? await doneOnce(context, definition.creates, prepared, (ready) => ({
        status,
        body: definition.handle(ready, context),
      }))
    : { status, body: await definition.handle(await prepared(), context) }
  if (res.headersSent) return
  const shows = definition.showsSecret === true || definition.creates?.showsSecret === true
  const text = shows ? JSON.stringify(answer.body) : services.credentials.maskedJson(answer.body)
  res.status(answer.status).set('Content-Type', 'application/json; charset=utf-8').send(text)
}

function inputOf(definition: Endpoint, req: Request, services: Services): Input<unknown, unknown, unknown> {
  const body: unknown = req.body === undefined ? {} : req.body
  return {
    params: parse(definition.params, req.params, ''),
    query: parse(definition.query, req.query, ''),
    body: parse(definition.body, proseMasked(body, services), ''),
  }
}

/** Fields in which people write sentences. What is kept of them holds no known secret; addresses and the like stay. */
const PROSE = new Set([
  'content',
  'prompt',
  'message',
  'text',
  'title',
  'name',
  'label',
  'note',
  'description',
  'soul',
  'user',
  'agent_name',
  'phrase',
])

function proseMasked(body: unknown, { credentials }: Services): unknown {
  if (!isRecord(body)) return body
  const masked = ([name, value]: [string, unknown]) =>
    [name, PROSE.has(name) && typeof value === 'string' ? credentials.mask(value) : value] as const
  return Object.fromEntries(Object.entries(body).map(masked))
}

function parse(shape: Lazy<unknown> | undefined, value: unknown, prefix: string): unknown {
  if (!shape) return undefined
  const result = shape().safeParse(value)
  if (result.success) return result.data
  const detail: FieldProblem[] = result.error.issues.map((issue) => ({
    path: `${prefix}${issue.path.join('.')}` || (issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : ''),
    message: issue.message,
  }))
  const first = detail[0]!
  throw new AppError('invalid', first.path ? `${first.path}: ${first.message}.` : `${first.message}.`, { detail })
}
