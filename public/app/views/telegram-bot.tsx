import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { Badge, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { BotConfig } from './telegram-types.ts'

type Props = { config: BotConfig; reload: () => Promise<void> }

const STATES = {
  running: ['good', 'listening'],
  starting: ['', 'starting'],
  stopped: ['', 'stopped'],
  error: ['bad', 'in trouble'],
} as const

/** The bot itself: its state and switches, or the way to one. */
export function TelegramBot({ config, reload }: Props): JSX.Element {
  const [changing, setChanging] = useState(false)
  const kept = async () => {
    setChanging(false)
    tell('Telegram knows this bot. It listens now.')
    await reload()
  }
  return (
    <Section title="Bot">
      {config.bot_token_set && <State config={config} reload={reload} change={() => setChanging(!changing)} />}
      {!config.bot_token_set && <Guide />}
      {(changing || !config.bot_token_set) && <TokenForm onKept={() => void kept()} />}
    </Section>
  )
}

function State({ config, reload, change }: Props & { change: () => void }) {
  const [kind, words] = STATES[config.status]
  const turn = async (what: 'start' | 'stop' | 'restart') => {
    await api.post(`/api/telegram/${what}`, {}).catch(complain)
    await reload()
  }
  return (
    <div class="row card-row">
      <div class="row-text">
        <strong class="break">{config.bot?.name}</strong> <Badge kind={kind}>{words}</Badge>
        <div class="muted small break">
          <a href={`https://t.me/${config.bot?.username}`} rel="noreferrer" target="_blank">
            @{config.bot?.username}
          </a>
        </div>
        {config.last_heard_at && (
          <div class="muted small">
            Telegram answered <Time at={config.last_heard_at} />
          </div>
        )}
        {config.last_error && <p class="small break">{config.last_error} Steward keeps trying.</p>}
      </div>
      <div class="row-actions">
        {config.enabled ? (
          <Button small look="quiet" onClick={() => void turn('stop')}>
            Stop
          </Button>
        ) : (
          <Button small look="primary" onClick={() => void turn('start')}>
            Start
          </Button>
        )}
        {config.enabled && (
          <Button small look="quiet" onClick={() => void turn('restart')}>
            Restart
          </Button>
        )}
        <Button small onClick={change}>
          Change token
        </Button>
        <Button small look="quiet" icon="trash" onClick={() => void forget(reload).catch(complain)}>
          Remove bot
        </Button>
      </div>
    </div>
  )
}

function Guide() {
  return (
    <>
      <p>It takes a bot of your own, made in a minute:</p>
      <ol>
        <li>
          In Telegram, open{' '}
          <a href="https://t.me/BotFather" rel="noreferrer" target="_blank">
            @BotFather
          </a>
          , the one with the blue tick, and send <code>/newbot</code>.
        </li>
        <li>
          Give it a name, then a user name that ends in <code>bot</code>.
        </li>
        <li>BotFather answers with a token like 123456789:AAH… Copy it and put it in here.</li>
        <li>
          Open your new bot, send <code>/link</code>, and enter the code that it answers on this page.
        </li>
      </ol>
    </>
  )
}

function TokenForm({ onKept }: { onKept: () => void }) {
  const [token, setToken] = useState('')
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.post('/api/telegram/config', { bot_token: token.trim() })
      setToken('')
      onKept()
    })
  }
  return (
    <form class="form" onSubmit={save}>
      <TextField
        label="Token"
        type="password"
        mono
        value={token}
        onInput={setToken}
        error={fieldError(error, 'bot_token')}
        hint="Tried at Telegram before it is kept; encrypted, and never shown again."
        required
      />
      <Problem error={elsewhere(error, ['bot_token'])} />
      <Button type="submit" look="primary" busy={busy} disabled={!token.trim()}>
        Try and keep
      </Button>
    </form>
  )
}

async function forget(reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: 'Remove the bot?',
    body: 'Steward forgets its token and no longer listens. Chats and triggers stay listed; the bot itself lives on at BotFather.',
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await api.post('/api/telegram/config', { bot_token: null })
  await reload()
  tell('The bot was removed.')
}
