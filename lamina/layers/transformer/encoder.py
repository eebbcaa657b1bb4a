"""The encoder block of a transformer."""

from __future__ import annotations

from typing import Any

from lamina.layers.masks import mask_of, without_masks
from lamina.layers.transformer.block import TransformerBlock
from lamina.layers.transformer.masking import merged_mask


class TransformerEncoder(TransformerBlock):
    """Attention of a sequence to itself, then a dense network at each step, each with a shortcut; as in KerasHub.

    Input and output: `(batch, steps, features)`.

    Args:
        intermediate_dim: units of the inner layer of the dense network.
        num_heads: heads of the attention, of `features // num_heads` each.
        dropout: share that training drops, of the attention and of what each part gives; 0.
        activation: of the inner layer; `"relu"`.
        layer_norm_epsilon: of both normalizations; 1e-5.
        kernel_initializer, bias_initializer: of dense and attention layers; `"glorot_uniform"` and `"zeros"`.
        normalize_first: whether to normalize what goes into each part, instead of the sum after it; False.

    Call arguments:
        inputs: a tensor.
        padding_mask: bools `(batch, steps)`, False for padding; the mask that the input carries when None.
        attention_mask: bools `(batch, steps, steps)`: False keeps a source from a target.
        return_attention_scores: whether to give the shares too; False.
        training: whether to drop.

    Returns:
        A tensor of the input's shape; on request a pair of that and the shares `(batch, heads, steps, steps)`.

    Raises:
        ArgumentError: if there are more heads than features.
        ShapeError: if the input or a mask does not have these axes.

    Source: Vaswani et al., 2017; `normalize_first`: Xiong et al., 2020.
    """

    def build(self, inputs_shape: Any) -> None:
        hidden = self._hidden_size(inputs_shape)
        self._self_attention_layer = self._attention("self_attention_layer", hidden)
        self._self_attention_layer.build(inputs_shape, inputs_shape)
        self._self_attention_layer_norm = self._norm("self_attention_layer_norm")
        self._self_attention_layer_norm.build(inputs_shape)
        self._self_attention_dropout = self._drop("self_attention_dropout")
        self._build_feedforward(inputs_shape, hidden)

    def call(
        self,
        inputs: Any,
        padding_mask: Any = None,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        if padding_mask is None:
            padding_mask = mask_of(inputs)
        mask = merged_mask(self._title(), padding_mask, attention_mask)
        with without_masks(inputs):
            x = self._self_attention_layer_norm(inputs) if self.normalize_first else inputs
            x, scores = self._attended(x, mask, training, return_attention_scores)
            x = self._joined(inputs, x, self._self_attention_dropout, self._self_attention_layer_norm, training)
            x = self._feedforward(x, training)
        return (x, scores) if return_attention_scores else x

    def _attended(self, x: Any, mask: Any, training: bool | None, scores: bool) -> tuple[Any, Any]:
        if not scores:
            return self._self_attention_layer(x, x, attention_mask=mask, training=training), None
        layer = self._self_attention_layer
        outputs, shares = layer._compute_attention(
            layer.query_dense(x), layer.key_dense(x), layer.value_dense(x), attention_mask=mask, training=training,
            return_attention_scores=True,
        )  # fmt: skip
        return layer.output_dense(outputs), shares
