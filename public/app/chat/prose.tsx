import type { JSX } from 'preact'
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { Token } from 'marked'
import { blockReader, renderBlock, type LinkRule } from './markdown.ts'

type ProseProps = { text: string; rule: LinkRule; settled: boolean }

/** Markdown as elements, block by block: a growing text touches only its last block. */
export function Prose({ text, rule, settled }: ProseProps): JSX.Element {
  const read = useMemo(blockReader, [])
  const blocks = useMemo(() => read(text), [text])
  return (
    <div class="prose">
      {blocks.map((block, at) => (
        <Block key={at} block={block} rule={rule} settled={settled || at < blocks.length - 1} />
      ))}
    </div>
  )
}

function Block({ block, rule, settled }: { block: Token; rule: LinkRule; settled: boolean }) {
  const place = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    place.current?.replaceChildren(renderBlock(block, rule, settled))
  }, [block.raw, rule, settled])
  return <div ref={place} dir="auto" />
}
