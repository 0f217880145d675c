import { expect, test } from 'vitest'
import { html } from './html.ts'

test('what is put in is text, in elements and in attributes', () => {
  const name = `"><script>alert('x')</script>&`
  expect(html`<p title="${name}">${name}</p>`.text).toBe(
    '<p title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;">&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</p>',
  )
})

test('HTML made by the template stays what it is, also in lists', () => {
  const items = ['a', '<b>'].map((each) => html`<li>${each}</li>`)
  expect(html`${items}`.text).toBe('<li>a</li><li>&lt;b&gt;</li>')
})

test('what is not there leaves no trace, and zero is a number', () => {
  expect(html`${null}${undefined}${false}${0}${[]}`.text).toBe('0')
})
