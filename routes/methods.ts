import type { RequestHandler } from 'express'
import { AppError } from '../services/errors.ts'
import type { Endpoint } from './endpoint.ts'

type Known = { path: RegExp; methods: string[] }

/**
 * For what no endpoint took. Where the path is one of ours, OPTIONS gets the methods that it has and every other method is
 * 405 with the same list; otherwise it goes on.
 */
export function wrongMethod(endpoints: readonly Endpoint[]): RequestHandler {
  const known = [...Map.groupBy(endpoints, ({ path }) => path)].map(([path, own]) => knownOf(path, own))
  return (req, res, next) => {
    const allowed = known.filter(({ path }) => path.test(req.path)).flatMap(({ methods }) => methods)
    if (allowed.length === 0) return next()
    res.set('Allow', [...new Set(allowed)].join(', '))
    if (req.method === 'OPTIONS') return void res.status(204).end()
    next(new AppError('method_not_allowed', `${req.path} takes ${res.get('Allow')}.`))
  }
}

function knownOf(path: string, endpoints: readonly Endpoint[]): Known {
  const pattern = path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')
  const methods = endpoints.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))
  return { path: new RegExp(`^${pattern}/?$`, 'i'), methods: [...methods, 'OPTIONS'] }
}
