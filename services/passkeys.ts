import type * as WebAuthn from '@simplewebauthn/server'
import type { Actor, Audit } from './audit.ts'
import type { Challenges } from './challenges.ts'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import { newId } from './ids.ts'
import type { User, Users } from './users.ts'

export type Passkey = {
  id: string
  name: string
  backed_up: boolean
  created_at: string
  last_used_at: string | null
}

/** Whose passkeys they are, for the browser: the name of a site, and the one origin whose page may use them. */
export type RelyingParty = { id: string; origin: string }

/** A session and its user. */
export type Asker = { user: User; sessionId: string }

export type Registration = WebAuthn.RegistrationResponseJSON
export type Authentication = WebAuthn.AuthenticationResponseJSON

type Row = Omit<Passkey, 'backed_up'> & {
  backed_up: number
  userId: string
  credentialId: string
  publicKey: string
  counter: number
  transports: string
}

const COLUMNS = `id, name, backed_up, created_at, last_used_at, user_id AS userId, credential_id AS credentialId,
  public_key AS publicKey, counter, transports`
const MOST = 20
const TIMEOUT_MS = 5 * 60_000
/** EdDSA, ES256 and RS256, by their COSE numbers. */
const ALGORITHMS = [-8, -7, -257]

export type Passkeys = ReturnType<typeof createPasskeys>

export type PasskeysDeps = Deps & {
  audit: Pick<Audit, 'record'>
  users: Pick<Users, 'find'>
  challenges: Challenges
}

/**
 * Passkeys (WebAuthn): the device proves that it holds the key and that it knows its user, which is two factors in one. They
 * work without a user name. A counter that goes back shows a copied device, which is refused.
 */
export function createPasskeys({ db, now, audit, users, challenges }: PasskeysDeps) {
  const ofUser = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM passkeys WHERE user_id = ? ORDER BY created_at, id`)
  const byCredential = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM passkeys WHERE credential_id = ?`)
  const one = db.prepare<[string, string], Row>(`SELECT ${COLUMNS} FROM passkeys WHERE id = ? AND user_id = ?`)
  const insert = db.prepare(
    `INSERT INTO passkeys (id, user_id, credential_id, public_key, counter, transports, name, backed_up, created_at)
     VALUES (@id, @userId, @credentialId, @publicKey, @counter, @transports, @name, @backed_up, @created_at)`,
  )
  const rename = db.prepare('UPDATE passkeys SET name = ? WHERE id = ?')
  const remove = db.prepare('DELETE FROM passkeys WHERE id = ?')
  const used = db.prepare(
    `UPDATE passkeys SET counter = @next, backed_up = @backedUp, last_used_at = @at WHERE id = @id AND counter = @before`,
  )

  const webauthn = () => import('@simplewebauthn/server')
  const note = (action: string, { username }: User, by: Actor, outcome: string): void =>
    audit.record({ kind: 'user', action, subject: username, by, outcome })

  function get(userId: string, id: string): Row {
    const row = one.get(id, userId)
    if (!row) throw new AppError('not_found', 'There is no such passkey.')
    return row
  }

  function keep(
    user: User,
    name: string,
    made: NonNullable<WebAuthn.VerifiedRegistrationResponse['registrationInfo']>,
  ) {
    const { credential, credentialBackedUp } = made
    const row: Row = {
      id: newId(),
      userId: user.id,
      credentialId: credential.id,
      publicKey: Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential.counter,
      transports: JSON.stringify(credential.transports ?? []),
      name,
      backed_up: Number(credentialBackedUp),
      created_at: now().toISOString(),
      last_used_at: null,
    }
    db.transact(() => {
      if (byCredential.get(row.credentialId)) throw new AppError('conflict', 'This passkey is known here already.')
      refuseMore(user)
      insert.run(row)
      note('passkey added', user, { userId: user.id, name: `web:${user.username}` }, name)
    })
    return shown(row)
  }

  function refuseMore(user: User): void {
    if (ofUser.all(user.id).length >= MOST)
      throw new AppError('conflict', `There are ${MOST} passkeys already. Remove one that is not needed any longer.`)
  }

  /** What a challenge was given out for, if it still holds. */
  function purposeOf(challenge: string, asker: Asker | undefined): 'sign_in' | 'confirm' | undefined {
    if (challenges.redeem(challenge, SIGN_IN)) return 'sign_in'
    return asker && challenges.redeem(challenge, confirmOf(asker)) ? 'confirm' : undefined
  }

  /** The library throws for whatever does not fit. */
  async function proof(row: Row, response: Authentication, rp: RelyingParty) {
    const { verifyAuthenticationResponse } = await webauthn()
    const result = await verifyAuthenticationResponse({
      response,
      expectedChallenge: challengeOf(response),
      expectedOrigin: rp.origin,
      expectedRPID: rp.id,
      requireUserVerification: true,
      credential: {
        id: row.credentialId,
        publicKey: Buffer.from(row.publicKey, 'base64url'),
        counter: row.counter,
      },
    }).catch((error: unknown) => refusal(row, error))
    return result?.verified ? result.authenticationInfo : undefined
  }

  function refusal(row: Row, error: unknown): undefined {
    const copied = /counter value/.test(String(error))
    const user = users.find(row.userId)!
    const why = copied ? 'its counter went back: it may have been copied' : 'the proof does not fit'
    note('passkey refused', user, { userId: null, name: 'web' }, `${row.name}: ${why}`)
    return undefined
  }

  return {
    list: (userId: string): Passkey[] => ofUser.all(userId).map(shown),
    get: (userId: string, id: string): Passkey => shown(get(userId, id)),

    rename(user: User, id: string, name: string, by: Actor): Passkey {
      return db.transact(() => {
        get(user.id, id)
        rename.run(name, id)
        note('passkey renamed', user, by, name)
        return shown(get(user.id, id))
      })
    },

    remove(user: User, id: string, by: Actor): void {
      db.transact(() => {
        const { name } = get(user.id, id)
        remove.run(id)
        note('passkey removed', user, by, name)
      })
    },

    /** What a browser needs to make a passkey for this user. */
    async registrationOptions({ user, sessionId }: Asker, rp: RelyingParty) {
      refuseMore(user)
      const { generateRegistrationOptions } = await webauthn()
      return asJson(
        await generateRegistrationOptions({
          rpName: 'Steward',
          rpID: rp.id,
          userName: user.username,
          userDisplayName: user.username,
          userID: Buffer.from(user.id),
          challenge: Uint8Array.from(challenges.issue(`register ${sessionId}`)),
          timeout: TIMEOUT_MS,
          attestationType: 'none',
          supportedAlgorithmIDs: ALGORITHMS,
          excludeCredentials: ofUser.all(user.id).map(known),
          authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        }),
      )
    },

    /** Keeps the passkey that the browser made. Throws `expired` for an old challenge, `invalid` for what does not fit. */
    async register(
      { user, sessionId }: Asker,
      rp: RelyingParty,
      name: string,
      response: Registration,
    ): Promise<Passkey> {
      const challenge = challengeOf(response)
      if (!challenges.redeem(challenge, `register ${sessionId}`))
        throw new AppError('expired', 'That took too long, or was tried before. Start again.')
      const { verifyRegistrationResponse } = await webauthn()
      const result = await verifyRegistrationResponse({
        response,
        expectedChallenge: challenge,
        expectedOrigin: rp.origin,
        expectedRPID: rp.id,
        requireUserVerification: true,
        supportedAlgorithmIDs: ALGORITHMS,
      }).catch(() => undefined)
      if (!result?.registrationInfo)
        throw new AppError('invalid', `That is no passkey of ${rp.origin} that knows its user.`)
      return keep(user, name, result.registrationInfo)
    },

    /** What a browser needs to prove who is there: anybody, or who asks, once more. */
    async authenticationOptions(rp: RelyingParty, asker?: Asker) {
      const own = asker && ofUser.all(asker.user.id)
      if (own?.length === 0) throw new AppError('conflict', 'You have no passkey here. Give your password instead.')
      const { generateAuthenticationOptions } = await webauthn()
      return asJson(
        await generateAuthenticationOptions({
          rpID: rp.id,
          challenge: Uint8Array.from(challenges.issue(asker ? confirmOf(asker) : SIGN_IN)),
          timeout: TIMEOUT_MS,
          userVerification: 'required',
          ...(own ? { allowCredentials: own.map(known) } : {}),
        }),
      )
    },

    /** Who proves to be there, and what the proof was asked for; undefined for any that does not fit. */
    async authenticate(rp: RelyingParty, response: Authentication, asker?: Asker) {
      const purpose = purposeOf(challengeOf(response), asker)
      const row = byCredential.get(response.id)
      const user = row && users.find(row.userId)
      if (!purpose || !row || !user?.isActive || !isHandleOf(user, response)) return undefined
      if (purpose === 'confirm' && user.id !== asker?.user.id) return undefined
      const proven = await proof(row, response, rp)
      if (!proven) return undefined
      const { newCounter: next, credentialBackedUp } = proven
      const at = now().toISOString()
      const kept = used.run({ id: row.id, before: row.counter, next, backedUp: Number(credentialBackedUp), at })
      return kept.changes === 1 ? { user, purpose } : undefined
    },
  }
}

/** Without what is undefined, which browsers tell from what is not there. */
const asJson = <T>(options: T): T => JSON.parse(JSON.stringify(options)) as T

const SIGN_IN = 'sign in'
const confirmOf = ({ sessionId }: Asker): string => `confirm ${sessionId}`

const known = ({ credentialId, transports }: Row) => ({
  id: credentialId,
  transports: JSON.parse(transports) as string[],
})

const shown = ({ id, name, backed_up, created_at, last_used_at }: Row): Passkey => ({
  id,
  name,
  backed_up: backed_up === 1,
  created_at,
  last_used_at,
})

/** Devices that keep whom a passkey is for say so. */
const isHandleOf = ({ id }: User, { response: { userHandle } }: Authentication): boolean =>
  !userHandle || Buffer.from(userHandle, 'base64url').toString() === id

/** The challenge that a browser signed; empty where there is none. */
function challengeOf({ response }: Registration | Authentication): string {
  try {
    const told: unknown = JSON.parse(Buffer.from(response.clientDataJSON, 'base64url').toString())
    const { challenge } = (told ?? {}) as { challenge?: unknown }
    return typeof challenge === 'string' ? challenge : ''
  } catch {
    return ''
  }
}
