import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { me, signOut } from '../session.ts'
import { chooseTheme, theme, type Theme } from '../theme.ts'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Section } from '../ui/page.tsx'
import { complain } from '../ui/toast.tsx'
import { EmailForm } from './account-email.tsx'
import { Passkeys } from './account-passkeys.tsx'
import { PasswordForm } from './account-password.tsx'
import { SessionList } from './account-sessions.tsx'
import { TwoFactor } from './account-two-factor.tsx'

/** The owner's own things. */
export function AccountPage(): JSX.Element {
  return (
    <SettingsFrame
      actions={
        <Button icon="out" onClick={() => void signOut().catch(complain)}>
          Sign out
        </Button>
      }
    >
      <p>
        You are signed in as <strong>{me.value?.username}</strong>
        {me.value?.role === 'admin' ? ', the owner.' : '.'}
      </p>
      <ThemeChoice />
      <EmailForm />
      <PasswordForm />
      <TwoFactor />
      <Passkeys />
      <SessionList />
      <Section title="Keys for scripts">
        <p>
          Programs come in by <a href="/settings/api-keys">API keys</a>, which have a page of their own.
        </p>
      </Section>
      <RecoveryKey />
    </SettingsFrame>
  )
}

const THEMES: [Theme, string][] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

function ThemeChoice() {
  return (
    <Section title="Theme">
      <div class="segments" role="radiogroup" aria-label="Theme">
        {THEMES.map(([value, name]) => (
          <label key={value}>
            <input type="radio" name="theme" checked={theme.value === value} onChange={() => chooseTheme(value)} />
            <span>{name}</span>
          </label>
        ))}
      </div>
    </Section>
  )
}

function RecoveryKey() {
  const [key, setKey] = useState<string | null>(null)
  const show = async () => {
    if (key !== null) return setKey(null)
    setKey((await api.get<{ recovery_key: string }>('/api/account/recovery-key')).recovery_key)
  }
  return (
    <Section title="Recovery key" intro="Opens the vault when you restore a backup on another machine.">
      {key !== null && (
        <div class="secret">
          <code>{key}</code>
          <CopyButton text={key} />
        </div>
      )}
      <Button icon="eye" onClick={() => void show().catch(complain)}>
        {key === null ? 'Show it' : 'Hide it'}
      </Button>
    </Section>
  )
}
