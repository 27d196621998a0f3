import type { IncomingMessage } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import { quickId } from '../services/ids.ts'
import type { Log } from '../services/log.ts'
import { inRequest } from '../services/request-context.ts'
import type { Tallies } from '../services/tallies.ts'
import type { Who } from '../services/who.ts'

const SANE_ID = /^[A-Za-z0-9._-]{1,64}$/
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const LONGEST_PATH = 200

/** The id that the asker gave the request, where it is of a sane form; else a new one. */
export function requestIdOf(req: IncomingMessage): string {
  const given = req.headers['x-request-id']
  return typeof given === 'string' && SANE_ID.test(given) ? given : quickId()
}

/**
 * First in line: every request gets its id, which its answer and every line of the log about it carry; it is counted when it
 * is over, and written down where LOG_LEVEL is debug, without its query.
 */
export function attendance({ tallies, log }: { tallies: Pick<Tallies, 'answered'>; log: Log }): RequestHandler {
  return (req, res, next) => {
    const request = { id: requestIdOf(req), over: false }
    const began = performance.now()
    res.setHeader('X-Request-Id', request.id)
    res.once('close', () => {
      const ms = performance.now() - began
      const answered = {
        method: METHODS.has(req.method) ? req.method : 'other',
        route: routeOf(req, res),
        status: statusOf(res),
      }
      tallies.answered({ ...answered, seconds: isStream(res) ? undefined : ms / 1000 })
      if (log.isLevelEnabled('debug')) log.debug(lineOf(req, res, answered, ms), 'request')
      request.over = true
    })
    inRequest(request, next)
  }
}

type Answer = { method: string; route: string; status: string }

/** The line is written outside of the request's own context, so it names the id itself. */
function lineOf(req: Request, res: Response, answer: Answer, ms: number): object {
  const who = (res.locals.who as Who | undefined)?.actor.name
  const path = answer.route === 'other' ? { path: req.path.slice(0, LONGEST_PATH) } : {}
  const id = res.getHeader('X-Request-Id')
  return { request_id: id, ...answer, ...path, ...(who === undefined ? {} : { who }), ms: Math.round(ms) }
}

/** The pattern of the endpoint; of what is none, only whether it was a file of the page. */
function routeOf(req: Request, res: Response): string {
  const known = res.locals.route as string | undefined
  if (known !== undefined) return known
  return req.method === 'GET' && res.statusCode < 400 ? 'page' : 'other'
}

const statusOf = (res: Response): string => (res.writableFinished ? String(res.statusCode) : 'aborted')

const isStream = (res: Response): boolean => String(res.getHeader('Content-Type')).startsWith('text/event-stream')
