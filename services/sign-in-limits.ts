import ipaddr from 'ipaddr.js'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { AppError } from './errors.ts'

const MINUTE = { points: 5, duration: 60 }
const HOUR = { points: 20, duration: 3600 }
const REFUSED_SOCKETS = { points: 30, duration: 60 }

export type SignInLimits = ReturnType<typeof createSignInLimits>

/**
 * Slows down guessing: 5 failures a minute and 20 an hour for each address and each (account, address) pair. Never for an
 * account alone, so nobody can lock the owner out. An attempt counts before it is tried, so that a hundred at once do
 * not slip through together, and is given back when it succeeds.
 */
export function createSignInLimits() {
  const limiters = [MINUTE, HOUR].flatMap((options) => [
    { limiter: new RateLimiterMemory(options), keyOf: (address: string) => `address ${address}` },
    {
      limiter: new RateLimiterMemory(options),
      keyOf: (address: string, account: string) => `pair ${address} ${account}`,
    },
  ])

  async function attempt<T>(
    address: string,
    account: string,
    work: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const net = networkOf(address)
    const name = account.toLowerCase()
    for (const { limiter, keyOf } of limiters) await limiter.consume(keyOf(net, name)).catch(refuse)
    const result = await work()
    if (result !== undefined)
      await Promise.all(limiters.map(({ limiter, keyOf }) => limiter.reward(keyOf(net, name), 1)))
    return result
  }

  return {
    /** Runs `work`; undefined from it means a failed attempt. Throws `rate_limited` when there were too many. */
    attempt,
  }
}

export type AskLimits = ReturnType<typeof createAskLimits>

/** Slows down whoever asks for links again and again; apart from failed sign-ins, which these do not hinder. */
export function createAskLimits() {
  const limiters = [MINUTE, HOUR].map((options) => new RateLimiterMemory(options))
  return {
    /** Notes that something was asked for. Throws `rate_limited` when it was too often. */
    async note(address: string): Promise<void> {
      for (const limiter of limiters) await limiter.consume(networkOf(address)).catch(refuse)
    },
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof RateLimiterRes)) throw error
  const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000))
  throw new AppError('rate_limited', `Too many failed attempts. Try again in ${seconds} seconds.`, {
    retryAfter: seconds,
  })
}

export type SocketLimits = ReturnType<typeof createSocketLimits>

/** Slows down whoever asks for sockets without a right to one. Those who have it are never counted, so none is locked out. */
export function createSocketLimits() {
  const limiter = new RateLimiterMemory(REFUSED_SOCKETS)
  return {
    /** Notes a refusal. Throws `rate_limited` instead of it when there were too many. */
    strike: async (address: string): Promise<void> => void (await limiter.consume(networkOf(address)).catch(refuse)),
  }
}

/** One household shares an IPv6 /64, so that is what counts as an address. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString()
}
