import { AppError, messageOf } from '../errors.ts'
import { USUAL_PORTS } from '../shapes/mail-ports.ts'
import type { Half, Server } from './servers.ts'

type Fault = Error & {
  code?: string
  authenticationFailed?: boolean
  responseText?: string
  response?: string
  responseCode?: number
  reason?: string
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
])
/** nodemailer tells of a certificate in words only. */
const UNTRUSTED_WORDS =
  /self-signed certificate|unable to verify the first certificate|unable to get (local )?issuer certificate/i
const SILENT = new Set(['ETIMEDOUT', 'CONNECT_TIMEOUT', 'GREETING_TIMEOUT', 'UPGRADE_TIMEOUT', 'ETIMEOUT'])

/** What went wrong with a mail server, in words that say what to do. Holds nothing but what the server itself said. */
export function mailFault(half: Half, server: Server, error: unknown): AppError {
  if (error instanceof AppError) return error
  const fault = error as Fault
  const where = `${server.host}:${server.port}`
  const say = (code: 'upstream_refused' | 'upstream_failed', text: string) => new AppError(code, text, { cause: error })
  if (isRefusedSignIn(fault)) return say('upstream_refused', signInRefused(half, server, fault))
  const code = fault.code ?? ''
  if (UNTRUSTED.has(code) || UNTRUSTED_WORDS.test(fault.message))
    return say(
      'upstream_failed',
      `The certificate of ${where} is signed by nobody this machine knows. If that is meant so, paste the certificate of its authority into tls_ca.`,
    )
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return say(
      'upstream_failed',
      `The certificate of ${where} is for another name. Give the name that it is made out to.`,
    )
  if (code === 'CERT_HAS_EXPIRED') return say('upstream_failed', `The certificate of ${where} has expired.`)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EDNS')
    return say('upstream_failed', `No server has the name ${server.host}, or it cannot be looked up now.`)
  if (code === 'ECONNREFUSED') return say('upstream_failed', `Nothing answers at ${where}. Is the port right?`)
  if (SILENT.has(code)) return say('upstream_failed', `${where} does not answer in time. ${portHint(half, server)}`)
  if (/wrong version number|packet length too long|EPROTO/i.test(`${code} ${fault.message}`))
    return say('upstream_failed', `${where} does not speak TLS from the first byte. Try starttls.`)
  if (/starttls/i.test(fault.message))
    return say(
      'upstream_failed',
      `${where} offers no encryption by STARTTLS. Try tls, often on port ${USUAL_PORTS[half].tls}.`,
    )
  const said = fault.responseText ?? fault.response ?? fault.reason ?? messageOf(error)
  return say(
    'upstream_failed',
    `${where} answered otherwise than it should: ${said.replace(/\s+/g, ' ').slice(0, 300)}`,
  )
}

function isRefusedSignIn(fault: Fault): boolean {
  return fault.authenticationFailed === true || fault.code === 'EAUTH'
}

function signInRefused(half: Half, { host, username }: Server, fault: Fault): string {
  const said = (fault.responseText ?? fault.response ?? '').replace(/\s+/g, ' ').slice(0, 200)
  const answer = said === '' ? '' : ` It said: ${said}`
  return `${host} refused the ${half.toUpperCase()} sign-in of ${username || 'nobody'}. Check name and password; many services want an app password here.${answer}`
}

function portHint(half: Half, { secure, port }: Server): string {
  const usual = USUAL_PORTS[half][secure]
  return port === usual ? 'It may be down, or a firewall is in between.' : `For ${secure} the port is usually ${usual}.`
}
