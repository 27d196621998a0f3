import { AsyncLocalStorage } from 'node:async_hooks'

/** The request on whose behalf something is done. `over` once it was answered: what goes on after that is nobody's request. */
export type RequestPlace = { readonly id: string; over: boolean }

const place = new AsyncLocalStorage<RequestPlace>()

/** Whatever `work` does, also later, is done for this request. */
export const inRequest = <T>(request: RequestPlace, work: () => T): T => place.run(request, work)

/** The id of the request that is being answered here, if one is. */
export function presentRequestId(): string | undefined {
  const request = place.getStore()
  return request === undefined || request.over ? undefined : request.id
}
