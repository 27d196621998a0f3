import type { JSX } from 'preact'
import type { ModelInfo } from '../../../services/shapes/frames.ts'
import { contextOf, defaultModel, priceOf, PROVIDERS } from '../chat/models.ts'
import { Button } from '../ui/button.tsx'
import { Badge } from '../ui/states.tsx'

type ModelTableProps = { models: ModelInfo[]; makeDefault: ((model: ModelInfo) => void) | null }

/** Models with what they cost and can; on a phone each becomes a small card. */
export function ModelTable({ models, makeDefault }: ModelTableProps): JSX.Element {
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">Model</th>
          <th scope="col">Provider</th>
          <th scope="col">Dollars a million tokens</th>
          <th scope="col">Can</th>
          <th scope="col">
            <span class="visually-hidden">Default</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {models.map((model) => (
          <Row key={model.id} model={model} makeDefault={makeDefault} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ model, makeDefault }: { model: ModelInfo; makeDefault: ModelTableProps['makeDefault'] }) {
  const { id, name, provider, capabilities } = model
  return (
    <tr>
      <td>
        <strong class="break">{name}</strong>
        <div class="muted small break">
          <code>{id}</code>
        </div>
      </td>
      <td>
        {PROVIDERS[provider] ?? provider}
        {!model.private_ok && <div class="small muted">public things only</div>}
      </td>
      <td class="nowrap">
        {priceOf(model)}
        <div class="muted small">{contextOf(model)}</div>
      </td>
      <td>
        <span class="model-badges">
          {capabilities.vision && <Badge>vision</Badge>}
          {capabilities.tools && <Badge>tools</Badge>}
          {capabilities.online && <Badge>online</Badge>}
        </span>
      </td>
      <td>
        {id === defaultModel.value && <Badge kind="good">default</Badge>}
        {id !== defaultModel.value && makeDefault && (
          <Button small look="quiet" onClick={() => makeDefault(model)}>
            Make default<span class="visually-hidden"> {name}</span>
          </Button>
        )}
      </td>
    </tr>
  )
}
