import { AppError } from '../errors.ts'

/** What a failed request tells the model and the owner. It names the host that was asked, never what came back. */
export function explained(error: unknown, url: string): AppError {
  const known = inChain(error, (link) => link instanceof AppError)
  if (known) return known as AppError
  const code = codeOf(error)
  const { host } = new URL(url)
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new AppError('too_large', `${host} answered with oversized headers.`)
  return new AppError('upstream_failed', `${sentence(code, host)} Check the address, or try again later.`, {
    cause: error,
  })
}

/** What went wrong in one sentence, without advice: for requests that Steward itself repeats, or must not. */
export function reasonOf(error: unknown, url: string): string {
  const known = inChain(error, (link) => link instanceof AppError)
  return known ? (known as AppError).message : sentence(codeOf(error), new URL(url).host)
}

function sentence(code: string, host: string): string {
  if (code === 'ENOTFOUND' || code === 'ENODATA') return `No server has the name ${host}.`
  if (code === 'EAI_AGAIN') return `The name ${host} could not be looked up.`
  if (code === 'ECONNREFUSED') return `${host} refused the connection.`
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return `${host} cannot be reached from here.`
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return `${host} did not answer in time.`
  if (/^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) {
    return `${host} has no certificate that can be trusted (${code}).`
  }
  if (code.startsWith('HPE_') || code === 'HTTPParserError') return `${host} does not answer as a web server does.`
  if (code.startsWith('Z_') || code.startsWith('ERR_BROTLI') || code.startsWith('ZSTD_')) {
    return `${host} sent a damaged answer.`
  }
  return `The connection to ${host} broke off.`
}

function codeOf(error: unknown): string {
  const known = inChain(error, (link) => code(link) !== undefined || (link as Error).name === 'HTTPParserError')
  return known === undefined ? '' : (code(known) ?? 'HTTPParserError')
}

function code(link: object): string | undefined {
  const { code } = link as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** The first of an error, its causes and its siblings that fits. */
function inChain(error: unknown, fits: (link: object) => boolean, depth = 0): object | undefined {
  if (typeof error !== 'object' || error === null || depth > 5) return undefined
  if (fits(error)) return error
  const { cause, errors } = error as { cause?: unknown; errors?: unknown[] }
  for (const next of [cause, ...(errors ?? [])]) {
    const found = inChain(next, fits, depth + 1)
    if (found) return found
  }
  return undefined
}
