"""Which kernels are compared together, and at which sizes.

`models` are the kernels of models/kernels.cpp and models/networks.cpp, at the estimates of their texts. `twenty` are those
that docs/peers.md lists as badly served by stock libraries, at the sizes of typical layers below: a call takes some
milliseconds on two processors. `twenty_grad` are the gradients of these by all their inputs of a float type. The sizes were
chosen before anything was measured at them. `capsules_grad` are gradients of capsule layers at the sizes that others report: a row of
theirs is a forward and a backward pass, as in training, with weights that are new in each call.

    python suites.py SUITE      # prints each kernel with its sizes
"""
import dataclasses
import pathlib
import re
import sys

GRADIENT = ".grad"
TOGETHER = ".value_and_grad"


@dataclasses.dataclass(frozen=True)
class Layer:
    sizes: str  # dim=n,..., as --sizes takes them; other dims as the kernel's text says
    wrt: str  # the inputs that the gradient is by; empty: there is none
    together: bool = False  # in training: ours is one kernel, as the gradient needs most of what the forward pass computes


TWENTY = {
    # A Mamba layer of 768 channels, an RWKV layer of the same, and alignments of a batch of series.
    "selective_scan": Layer("batch=1,time=2048,channel=768,state=16", "x,step,a,b,c,skip"),
    "wkv": Layer("batch=1,time=1024,channel=768", "k,v,decay,bonus"),
    "soft_dtw": Layer("batch=32,i=256,j=256", "cost,gamma"),
    # Attention of transformers: windows of 257 of 2048 keys to each side, 7x7 neighbourhoods, all of 1024 keys, and the
    # rotation of 32 heads of 128.
    "sliding_window_attention": Layer("batch=1,head=4,i=2048,j=2048,d=64,e=64", "q,k,v"),
    "neighbourhood_attention": Layer("batch=1,head=4,y=56,x=56,jy=56,jx=56,d=32,e=32", "q,k,v"),
    "attention": Layer("batch=1,head=12,i=1024,j=1024,d=64,e=64", "q,k,v"),
    "rope": Layer("batch=1,i=2048,head=32,pair=64", "x"),
    # Images.
    "deformable_conv": Layer("batch=1,iy=28,ix=28,in=256,out=256", "image,offset,mask,weight"),
    "bilateral_grid": Layer("y=1536,x=2048", "value,guide"),
    "grid_sample": Layer("batch=1,iy=256,ix=256,y=256,x=256,channel=32", "image,grid"),
    "locally_connected": Layer("batch=8,iy=32,ix=32,in=32,out=32", "image,weight"),
    "involution": Layer("batch=1,iy=56,ix=56,group=16,channel=16", "image,weight"),
    "depthwise_conv3d": Layer("batch=1,iz=16,iy=112,ix=112,channel=64", "image,weight"),
    "correlation": Layer("batch=1,y=56,x=56,iy=56,ix=56,channel=256", "a,b"),
    "group_norm": Layer("batch=1,group=32,channel=16,pixel=14400", "x,gamma,beta"),
    # Distances, tensor products of a point cloud, capsules, a decoder's product with one row, experts, graphs.
    "pairwise_l1": Layer("i=4096,j=4096,channel=16", "x,y"),
    "contraction": Layer("edge=10000,channel=128,i=9,j=9,k=9", "x,y,c"),
    "dynamic_routing": Layer("batch=128,in=1152,out=10", "u,weight"),
    "grouped_int8_matmul": Layer("row=1,col=4096,k=4096", ""),
    "moe_gather_matmul": Layer("token=256,in=256,out=512,expert=64,choice=4", "x,weight,gate"),
    "message_passing": Layer("source=32768,channel=128,edge=262144,bound=32769", "x,weight"),
    "topk": Layer("row=4096,col=1024", "x"),
}

CAPSULES = {
    # T2SP's layer, at a batch of 16.
    "conv_capsules": Layer("batch=16,iy=15,ix=15,in=32,out=32", "pose,weight"),
    "em_routing": Layer("batch=8,iy=14,ix=14,in=16,out=16", "pose,activation,weight,beta_u,beta_a", True),
}


def forward_of(name):
    """The kernel that `name` is, or whose gradient it is."""
    return name.removesuffix(GRADIENT)


def models(folder):
    """The names in the sources of a folder models/."""
    return re.findall(r'\{"(\w+)", ', "".join((folder / name).read_text() for name in ("kernels.cpp", "networks.cpp")))


def names(suite, folder):
    if suite == "models":
        return models(folder)
    layers = CAPSULES if suite == "capsules_grad" else TWENTY
    return list(layers) if suite == "twenty" else [name + GRADIENT for name, layer in layers.items() if layer.wrt]


def is_training(name):
    """Whether a call is a forward and a backward pass with new weights: those of a training step."""
    return name.endswith(GRADIENT) and forward_of(name) in CAPSULES


def together_of(name):
    """The kernel of both passes, where ours is one; else nothing."""
    return forward_of(name) + TOGETHER if is_training(name) and CAPSULES[forward_of(name)].together else None


def layer_of(name):
    """What a kernel is measured as; nothing where it has its estimates."""
    return CAPSULES[forward_of(name)] if is_training(name) else TWENTY.get(forward_of(name))


def sizes_of(name):
    """The sizes that a kernel is measured at, as --sizes takes them; empty: the estimates."""
    layer = layer_of(name)
    return layer.sizes if layer else ""


if __name__ == "__main__":
    for each in names(sys.argv[1], pathlib.Path(__file__).resolve().parents[2] / "models"):
        print(each, sizes_of(each))
