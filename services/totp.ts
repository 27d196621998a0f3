import type { Actor, Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import { AppError, invalidField } from './errors.ts'
import type { RecoveryCodes } from './recovery-codes.ts'
import type { User } from './users.ts'
import type { Vault } from './vault.ts'

/** Seconds in which a code is the same; those of the step before and after are taken too, since clocks differ. */
const STEP = 30
const CODE = /^\d{6}$/
const ISSUER = 'Steward'

/** What an authenticator app is told, shown this once. `qr_code` is a data URL of a PNG. */
export type TotpSecret = { secret: string; provisioning_uri: string; qr_code: string }

type Whom = Pick<User, 'id' | 'username'>
type Row = { sealed: string | null; active: number }

export type Totp = ReturnType<typeof createTotp>

export type TotpDeps = Deps & {
  vault: Pick<Vault, 'seal' | 'open'>
  audit: Pick<Audit, 'record'>
  recoveryCodes: RecoveryCodes
}

/**
 * The second factor: codes of an authenticator app (RFC 6238), and recovery codes in their place. A secret is in force from
 * the first correct code on. A step is accepted once, and none before one that was.
 */
export function createTotp({ db, now, vault, audit, recoveryCodes }: TotpDeps) {
  const held = db.prepare<[string], Row>('SELECT totp_sealed AS sealed, totp_active AS active FROM users WHERE id = ?')
  const put = db.prepare(
    `UPDATE users SET totp_sealed = @sealed, totp_last_step = 0, updated_at = @at WHERE id = @id AND totp_active = 0`,
  )
  const takeStep = db.prepare(
    `UPDATE users SET totp_last_step = @step, totp_active = 1
     WHERE id = @id AND totp_sealed = @sealed AND totp_last_step < @step`,
  )
  const drop = db.prepare(
    `UPDATE users SET totp_sealed = NULL, totp_active = 0, totp_last_step = 0, updated_at = ?
     WHERE id = ? AND totp_sealed IS NOT NULL`,
  )

  const place = (id: string) => ({ table: 'users', row: id, field: 'totp' })
  const isActive = (id: string): boolean => held.get(id)?.active === 1
  const note = (action: string, { username }: Whom, by: Actor, outcome?: string): void =>
    audit.record({ kind: 'user', action, subject: username, by, ...(outcome === undefined ? {} : { outcome }) })

  function refuseActive(id: string): void {
    if (isActive(id)) throw new AppError('conflict', 'Two-factor sign-in is on already. Turn it off first.')
  }

  /** The step whose code this is, if it is one of now. */
  async function stepOf(id: string, sealed: string, code: string): Promise<number | undefined> {
    const secret = vault.open(sealed, place(id))
    const { verify } = await import('otplib')
    const epoch = Math.floor(now().getTime() / 1000)
    const found = await verify({ secret, token: code, epoch, epochTolerance: STEP })
    return found.valid && 'timeStep' in found ? found.timeStep : undefined
  }

  /** Whether the code is right and its step was not taken before. A secret that waited for its first code is in force then. */
  async function takeCode(user: Whom, row: Row, code: string, by: Actor, onFirst: () => void): Promise<boolean> {
    if (row.sealed === null || !CODE.test(code)) return false
    const { sealed } = row
    const step = await stepOf(user.id, sealed, code)
    if (step === undefined) return false
    return db.transact(() => {
      const first = !isActive(user.id)
      if (takeStep.run({ id: user.id, sealed, step }).changes === 0) return false
      if (first) {
        note('two-factor enabled', user, by)
        onFirst()
      }
      return true
    })
  }

  function takeRecoveryCode(user: Whom, code: string, by: Actor): boolean {
    return db.transact(() => {
      if (!isActive(user.id) || !recoveryCodes.take(user.id, code)) return false
      note('recovery code used', user, by, `${recoveryCodes.left(user.id)} left`)
      return true
    })
  }

  return {
    /** Whether a code is due when this user signs in. */
    isActive,

    /** Whether there is a secret, in force or not, and how many recovery codes are unused. */
    state: (id: string): { active: boolean; pending: boolean; recovery_codes_left: number } => {
      const row = held.get(id)
      const active = row?.active === 1
      return { active, pending: !active && row?.sealed != null, recovery_codes_left: recoveryCodes.left(id) }
    },

    /** A new secret, not in force yet. Throws `conflict` where one is. */
    async begin(user: Whom, by: Actor): Promise<TotpSecret> {
      refuseActive(user.id)
      const [{ generateSecret, generateURI }, { default: qrcode }] = await Promise.all([
        import('otplib'),
        import('qrcode'),
      ])
      const secret = generateSecret()
      const provisioning_uri = generateURI({ issuer: ISSUER, label: user.username, secret })
      const qr_code = await qrcode.toDataURL(provisioning_uri, { margin: 2, width: 240 })
      db.transact(() => {
        const sealed = vault.seal(secret, place(user.id))
        if (put.run({ id: user.id, sealed, at: now().toISOString() }).changes === 0) refuseActive(user.id)
        note('two-factor set up', user, by)
      })
      return { secret, provisioning_uri, qr_code }
    },

    /** Puts the secret in force by its first correct code; answers ten recovery codes. */
    async enable(user: Whom, given: string, by: Actor): Promise<string[] | undefined> {
      refuseActive(user.id)
      const row = held.get(user.id)
      if (!row?.sealed) throw new AppError('conflict', 'Ask for a secret first (POST /api/auth/totp/setup).')
      let codes: string[] | undefined
      await takeCode(user, row, spaceless(given), by, () => (codes = recoveryCodes.renew(user.id)))
      return codes
    },

    /** Whether this code lets the user in: one of the app or an unused recovery code. It is used up by that. */
    async admits(user: Whom, given: string, by: Actor): Promise<boolean> {
      const row = held.get(user.id)
      if (!row?.sealed) return true
      const code = spaceless(given)
      return CODE.test(code) ? takeCode(user, row, code, by, () => {}) : takeRecoveryCode(user, code, by)
    },

    /** Forgets secret and recovery codes. Nothing happens where there are none. */
    disable(user: Whom, by: Actor): void {
      db.transact(() => {
        recoveryCodes.forget(user.id)
        if (drop.run(now().toISOString(), user.id).changes > 0) note('two-factor disabled', user, by)
      })
    },

    /** Ten new recovery codes in place of those before. Throws `conflict` where no code is ever due. */
    renewRecoveryCodes(user: Whom, by: Actor): string[] {
      return db.transact(() => {
        if (!isActive(user.id)) throw new AppError('conflict', 'Turn two-factor sign-in on first.')
        note('recovery codes made', user, by)
        return recoveryCodes.renew(user.id)
      })
    },
  }
}

/** The 400 for a code that is not right. */
export const wrongCode = (): AppError =>
  invalidField('code', 'That code is not right. Codes change every 30 seconds, and each is taken once.')

const spaceless = (code: string): string => code.replace(/\s/g, '')
