"""Small nets of timm and transformers, where these are installed: the code that people export, not ours."""

import torch
from torch import nn

from torch_spec import Spec, between, pick, settle


def images(name, side, **options):
    def make(rng):
        import timm

        net = settle(timm.create_model(name, pretrained=False, num_classes=7, **options), 4, 3, side, side)
        return Spec(net, lambda n: (torch.rand(n, 3, side, side),), rows="few", classes=True)
    return make


class Words(nn.Module):
    """input_ids and attention_mask in, the first tensor out."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, ids, mask):
        out = self.net(input_ids=ids, attention_mask=mask, return_dict=False)
        return out[0]


def words(build, wrt):
    def make(rng):
        import transformers as t

        net, t_len = Words(build(t, rng)), between(rng, 5, 9)

        def feed(n):
            mask = (torch.arange(t_len)[None] < torch.randint(2, t_len + 1, (n, 1))).to(torch.int64)
            return torch.randint(3, 60, (n, t_len)), mask
        return Spec(net, feed, dyn=[{0: "n", 1: "t"}] * 2, rows="few", wrt="net." + wrt, eps=3e-5)
    return make


SIZES = dict(vocab_size=61, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=32)
MAKERS = {
    **{f"timm/{n}": images(n, s, **o) for n, s, o in (
        ("resnet10t", 64, {}), ("convnext_atto", 64, {}), ("vit_tiny_patch16_224", 32, dict(img_size=32, depth=2)), ("mobilenetv4_conv_small", 64, {}), ("efficientnet_lite0", 64, {}), ("ghostnet_050", 64, {}), ("mixer_s32_224", 64, dict(img_size=64)),
        ("swin_tiny_patch4_window7_224", 56, dict(img_size=56, embed_dim=24, depths=(1, 1), num_heads=(2, 4))), ("levit_128s", 224, {}), ("mobilevit_xxs", 64, {}), ("poolformer_s12", 64, {}), ("repvgg_a0", 64, {}), ("edgenext_xx_small", 64, {}), ("deit3_small_patch16_224", 32, dict(img_size=32, depth=1)), ("fastvit_t8", 64, {}))},
    "hf/bert": words(lambda t, rng: t.BertForSequenceClassification(t.BertConfig(**SIZES, hidden_act=pick(rng, "gelu", "relu", "gelu_new"))), "bert.embeddings.word_embeddings"),
    "hf/distilbert": words(lambda t, rng: t.DistilBertForSequenceClassification(t.DistilBertConfig(vocab_size=61, dim=16, n_layers=1, n_heads=2, hidden_dim=24, max_position_embeddings=32)), "distilbert.embeddings.word_embeddings"),
    "hf/roberta": words(lambda t, rng: t.RobertaForSequenceClassification(t.RobertaConfig(**SIZES)), "roberta.embeddings.word_embeddings"),
    "hf/albert": words(lambda t, rng: t.AlbertForSequenceClassification(t.AlbertConfig(**SIZES, embedding_size=8)), "albert.embeddings.word_embeddings"),
    "hf/gpt2": words(lambda t, rng: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=61, n_embd=16, n_layer=2, n_head=2, n_positions=32, use_cache=False)), "transformer.wte"),
    "hf/llama": words(lambda t, rng: t.LlamaForCausalLM(t.LlamaConfig(**SIZES, num_key_value_heads=1, use_cache=False)), "model.embed_tokens"),
    "hf/t5": words(lambda t, rng: t.T5EncoderModel(t.T5Config(vocab_size=61, d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2)), "shared"),
}
