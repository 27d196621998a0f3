import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/browser'
import { api, ApiError } from './api.ts'

const AUTH = '/api/auth/passkeys'

/** Whether this browser has passkeys for this page; over plain HTTP it has none. */
export const passkeysWork = (): boolean => typeof PublicKeyCredential === 'function'

/** Signs in, or confirms who is signed in already, with whichever passkey the reader picks. */
export async function provePresence(purpose: 'sign_in' | 'confirm'): Promise<void> {
  const optionsJSON = await api.post<PublicKeyCredentialRequestOptionsJSON>(`${AUTH}/authenticate/options`, { purpose })
  const { startAuthentication } = await import('@simplewebauthn/browser')
  const proof = await startAuthentication({ optionsJSON }).catch(explain)
  await api.post(`${AUTH}/authenticate/verify`, proof)
}

/** Has the browser make a passkey and the server keep it. */
export async function addPasskey(name: string): Promise<void> {
  const optionsJSON = await api.post<PublicKeyCredentialCreationOptionsJSON>(`${AUTH}/register/options`, {})
  const { startRegistration } = await import('@simplewebauthn/browser')
  const made = await startRegistration({ optionsJSON }).catch(explain)
  await api.post(`${AUTH}/register/verify`, { ...made, name })
}

const WORDS: Record<string, string> = {
  InvalidStateError: 'This device holds a passkey of yours already.',
  SecurityError: 'Passkeys belong to another address than this page has. Open Steward under its PUBLIC_URL.',
  NotSupportedError: 'This device cannot hold a passkey for Steward.',
}

/** What the browser says in words for programmers. Whoever closes its question has chosen to stop. */
function explain(error: unknown): never {
  const name = error instanceof Error ? error.name : ''
  if (name === 'NotAllowedError' || name === 'AbortError') throw new ApiError(0, 'cancelled', 'No passkey was used.')
  throw new Error(WORDS[name] ?? 'The browser could not use a passkey. Try again.')
}
