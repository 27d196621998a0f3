import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { api } from '../api.ts'
import { defaultModel, loadModels, models, PROVIDERS } from '../chat/models.ts'
import { isAdmin } from '../session.ts'
import { useAction } from '../ui/action.ts'
import { SelectField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

type Defaults = { default_provider: string; available_providers: string[]; default_model: string | null }

const PATH = '/api/settings/provider'

/** Which model answers unless another is picked; administrators choose it here or in the list. */
export function DefaultModel(): JSX.Element {
  const inForce = models.value?.find(({ id }) => id === defaultModel.value)
  return (
    <Section title="The default">
      <p>
        <strong>{inForce?.name ?? defaultModel.value}</strong> answers where no other model is picked, in chats and by
        agents and tasks.
      </p>
      {isAdmin() && <Choice />}
    </Section>
  )
}

function Choice() {
  const defaults = useResource<Defaults>(PATH)
  const { reload } = defaults
  // @NOTE another model may be picked in the list below.
  useEffect(() => void reload(), [reload, defaultModel.value])
  const { busy, error, run } = useAction()
  if (!defaults.data)
    return defaults.loading ? <Loading /> : <Problem error={defaults.error} retry={() => void defaults.reload()} />
  const { default_provider, available_providers, default_model } = defaults.data
  const set = (provider: string) =>
    void run(async () => {
      await api.post(PATH, { default_provider: provider, default_model: null })
      await Promise.all([loadModels(true), defaults.reload()])
      tell('Saved. It counts from now on.')
    })
  return (
    <div class="narrow model-default" aria-busy={busy}>
      <SelectField
        label="Provider of the default"
        hint={
          default_model
            ? 'You picked a model. Choosing a provider goes back to a good everyday model of it.'
            : 'A good everyday model of it is used, also when newer ones come. Pick a fixed one in the list below.'
        }
        value={default_provider}
        options={available_providers.map((name) => [name, PROVIDERS[name] ?? name] as const)}
        onChange={set}
      />
      <Problem error={error} />
    </div>
  )
}
