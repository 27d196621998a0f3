import type { ComponentChildren, JSX } from 'preact'
import { Icon, type IconName } from './icons.tsx'

type Look = 'plain' | 'primary' | 'danger' | 'quiet'

type ButtonProps = {
  children: ComponentChildren
  look?: Look
  icon?: IconName
  busy?: boolean
  disabled?: boolean
  type?: 'button' | 'submit'
  onClick?: (event: MouseEvent) => void
  pressed?: boolean
  describedBy?: string
  small?: boolean
}

/** A button with words. While `busy` it cannot be pressed again and says so. */
export function Button({ children, look = 'plain', icon, busy, disabled, type = 'button', ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      class={`button ${look}${rest.small ? ' small' : ''}`}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      aria-pressed={rest.pressed}
      aria-describedby={rest.describedBy}
      onClick={rest.onClick}
    >
      {icon && <Icon name={icon} size={16} />}
      <span>{children}</span>
    </button>
  )
}

type IconButtonProps = {
  label: string
  icon: IconName
  onClick?: (event: MouseEvent) => void
  disabled?: boolean
  pressed?: boolean
  expanded?: boolean
  look?: Look
  type?: 'button' | 'submit'
  class?: string
  id?: string
}

/** A button that is only an icon; its label is spoken and shown as a hint. */
export function IconButton({ label, icon, type = 'button', look = 'quiet', ...rest }: IconButtonProps): JSX.Element {
  return (
    <button
      type={type}
      id={rest.id}
      class={`icon-button ${look} ${rest.class ?? ''}`}
      aria-label={label}
      title={label}
      disabled={rest.disabled}
      aria-pressed={rest.pressed}
      aria-expanded={rest.expanded}
      onClick={rest.onClick}
    >
      <Icon name={icon} />
    </button>
  )
}
