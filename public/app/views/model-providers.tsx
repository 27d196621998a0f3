import type { JSX } from 'preact'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Problem } from '../ui/states.tsx'

type Kind = { key: string; label: string; description: string }

/** What a provider needs before its models are there. */
const NEEDS: Record<string, string> = {
  anthropic: 'system:anthropic_api_key',
  openrouter: 'system:openrouter_api_key',
  openai: 'system:openai_api_key',
  ollama: 'system:ollama_base_url',
}

/** The providers that are not set up, each with what to do. */
export function ProvidersToAdd({ present }: { present: string[] }): JSX.Element | null {
  const kinds = useResource<Kind[]>('/api/credential-kinds')
  const missing = Object.entries(NEEDS).filter(([name]) => !present.includes(name))
  if (missing.length === 0) return null
  const kindOf = (key: string) => kinds.data?.find((kind) => kind.key === key)
  return (
    <Section title="Not set up yet" intro="These providers have further models. Each needs one thing.">
      <Problem error={kinds.error} retry={() => void kinds.reload()} />
      <ul class="rows plain-list">
        {missing.map(([name, key]) => (
          <li class="row" key={name}>
            <div class="row-text">
              <strong>{kindOf(key)?.label ?? key}</strong>
              <div class="muted small">{kindOf(key)?.description}</div>
            </div>
            <a href="/settings/credentials">
              Set it<span class="visually-hidden"> {kindOf(key)?.label}</span>
            </a>
          </li>
        ))}
      </ul>
    </Section>
  )
}
