import { refusedKey, type Vendor, VendorError } from './failures.ts'

/** A list that takes longer than this is given up. */
const TIMEOUT_MS = 20_000

/** Gets JSON with a plain request, so that listing models loads no SDK. Throws VendorError with a sentence. */
export async function fetchList(url: string, headers: Record<string, string>, vendor: Vendor): Promise<unknown> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((cause: unknown) => {
    throw new VendorError(`${vendor.label} could not be reached.`, { retryable: true, cause })
  })
  if (response.ok) return response.json().catch(() => notAList(vendor))
  await response.body?.cancel()
  const refused = response.status === 401 || response.status === 403
  throw new VendorError(refused ? refusedKey(vendor) : `${vendor.label} answered ${response.status}.`, {
    retryable: !refused,
    status: response.status,
  })
}

/** The array in `data` of a vendor's answer, as objects whose fields nobody has checked yet. */
export function rowsOf(answer: unknown, vendor: Vendor): Record<string, any>[] {
  const { data } = (answer ?? {}) as { data?: unknown }
  if (!Array.isArray(data)) return notAList(vendor)
  return data.filter((row) => typeof row?.id === 'string')
}

function notAList(vendor: Vendor): never {
  throw new VendorError(`${vendor.label} answered with something that is no list of models.`, { retryable: true })
}
