import type { Db } from '../db/open.ts'
import type { Actor, Audit } from './audit.ts'
import { AppError, invalidField } from './errors.ts'
import type { Models } from './models/index.ts'
import type { Settings } from './settings.ts'

/** `default_provider`: where the model comes from that is used unless another is named; `default_model`: the pick, if any. */
export type ModelDefaultValues = {
  default_provider: string
  default_model: string | null
  available_providers: string[]
}

export type ModelDefaultsChange = {
  default_provider?: string | undefined
  default_model?: string | null | undefined
}

export type ModelDefaultsDeps = {
  db: Db
  settings: Settings
  audit: Pick<Audit, 'record'>
  models: Pick<Models, 'listNow' | 'providers' | 'allProviders' | 'refusalOf'>
}

export type ModelDefaults = ReturnType<typeof createModelDefaults>

/** Which model works unless another is named: one that was picked, or the everyday one of a provider. */
export function createModelDefaults({ db, settings, audit, models }: ModelDefaultsDeps) {
  function checkProvider(name: string): void {
    if (models.providers().includes(name)) return
    const all = models.allProviders()
    throw invalidField(
      'default_provider',
      all.includes(name)
        ? `${name} is not set up yet. Add its credential first.`
        : `There is no provider "${name}"; there are ${all.join(', ')}.`,
    )
  }

  function checkModel(id: string, provider: string | undefined): void {
    const refusal = refusalOf(id)
    if (refusal !== undefined) throw invalidField('default_model', refusal)
    if (provider !== undefined && providerOf(id) !== provider)
      throw invalidField(
        'default_model',
        `${id} is no model of ${provider}. Name one of it, or leave the provider out.`,
      )
  }

  function refusalOf(id: string): string | undefined {
    try {
      return models.refusalOf(id)
    } catch (error) {
      throw error instanceof AppError ? invalidField('default_model', error.message) : error
    }
  }

  /** A picked model brings its provider along; another provider does away with the pick. */
  function after({ default_provider: provider, default_model: model }: ModelDefaultsChange) {
    const before = { default_provider: settings.get('default_provider'), default_model: settings.get('default_model') }
    if (model) return { default_provider: providerOf(model), default_model: model }
    if (model === null) return { default_provider: provider ?? before.default_provider, default_model: null }
    if (provider === undefined) return before
    const keeps = before.default_model !== null && providerOf(before.default_model) === provider
    return { default_provider: provider, default_model: keeps ? before.default_model : null }
  }

  return {
    get: (): ModelDefaultValues => ({
      default_provider: providerOf(models.listNow().default),
      default_model: settings.get('default_model'),
      available_providers: models.providers(),
    }),

    /** Changes what is given. Throws `invalid` for a provider that is not set up and a model that it has not. */
    change(values: ModelDefaultsChange, by: Actor): void {
      if (values.default_provider !== undefined) checkProvider(values.default_provider)
      if (values.default_model) checkModel(values.default_model, values.default_provider)
      const wanted = after(values)
      const names = ['default_provider', 'default_model'] as const
      const changed = names.filter((name) => wanted[name] !== settings.get(name))
      if (changed.length === 0) return
      db.transact(() => {
        const subject = changed.map((name) => `${name}: ${settings.get(name) ?? 'none'} → ${wanted[name] ?? 'none'}`)
        settings.change(Object.fromEntries(changed.map((name) => [name, wanted[name]])))
        audit.record({ kind: 'setting', action: 'default model changed', subject: subject.join(', '), by })
      })
    },
  }
}

const providerOf = (id: string): string => id.slice(0, id.indexOf(':'))
