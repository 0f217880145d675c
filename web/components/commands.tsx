import { CopyButton } from './copy.tsx'

/** Lines for a terminal. Words in capitals are the reader's to fill in. Lines wrap: nothing is worse to read on a phone than half a command. */
export const Commands = ({ text, what }: { readonly text: string; readonly what: string }) => (
  <div class="commands">
    <pre class="mono">
      {text.split('\n').map((line) => (
        <code key={line}>
          {line.split(' ').map((word, index) => (
            <>
              {index > 0 && ' '}
              <span>{word}</span>
            </>
          ))}
        </code>
      ))}
    </pre>
    <CopyButton text={text} what={what} />
  </div>
)
