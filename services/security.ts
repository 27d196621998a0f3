import type { Db } from '../db/open.ts'
import type { Actor, Audit } from './audit.ts'
import { AppError, invalidField } from './errors.ts'
import type { Models } from './models/index.ts'
import type { Settings, SettingValues } from './settings.ts'

const NAMES = [
  'flow_guard',
  'sanitize_enhanced',
  'canary',
  'llm_screen',
  'llm_screen_model',
  'output_validation',
  'approval_timeout_chat_s',
  'approval_timeout_unattended_s',
  'max_result_chars',
  'public_only_providers',
] as const

/** The wall and the layers beside it: which stand, how long a question waits, how long a result may be. */
export type SecurityValues = Pick<SettingValues, (typeof NAMES)[number]>

export type SecurityChange = { [K in keyof SecurityValues]?: SecurityValues[K] | undefined }

export type Security = ReturnType<typeof createSecurity>

export type SecurityDeps = {
  db: Db
  settings: Settings
  audit: Pick<Audit, 'record'>
  models: Pick<Models, 'choose' | 'providers' | 'allProviders'>
}

/** The security settings. A change is in the audit log, each with what was before; all of it holds at once. */
export function createSecurity({ db, settings, audit, models }: SecurityDeps) {
  const get = (): SecurityValues =>
    Object.fromEntries(NAMES.map((name) => [name, settings.get(name)])) as unknown as SecurityValues

  function check(values: SecurityChange): void {
    const { llm_screen_model: model, public_only_providers: providers } = values
    if (model) checkModel(model)
    const known = models.allProviders()
    const stranger = providers?.find((name) => !known.includes(name))
    if (stranger !== undefined)
      throw invalidField('public_only_providers', `There is no provider "${stranger}"; there are ${known.join(', ')}.`)
  }

  function checkModel(id: string): void {
    try {
      const { provider } = models.choose(id)
      if (!models.providers().includes(provider))
        throw new AppError('invalid', `Add a credential for ${provider} first, or pick another screening model.`)
    } catch (error) {
      throw error instanceof AppError ? invalidField('llm_screen_model', error.message) : error
    }
  }

  return {
    get,

    /** Whether this change would take the wall down. */
    opens: (values: SecurityChange): boolean => values.flow_guard === false && settings.get('flow_guard'),

    /** Changes what is given and leaves the rest. Throws `invalid` for a model or provider that does not exist. */
    change(values: SecurityChange, by: Actor): void {
      check(values)
      const before = get()
      const changed = NAMES.filter((name) => values[name] !== undefined && word(values[name]) !== word(before[name]))
      if (changed.length === 0) return
      db.transact(() => {
        settings.change(Object.fromEntries(changed.map((name) => [name, values[name]])))
        const subject = changed.map((name) => `${name}: ${word(before[name])} → ${word(values[name])}`).join(', ')
        audit.record({ kind: 'setting', action: 'security changed', subject, by })
      })
    },
  }
}

function word(value: unknown): string {
  if (Array.isArray(value)) return value.toSorted().join(' ') || 'none'
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return value === null ? 'none' : String(value)
}
